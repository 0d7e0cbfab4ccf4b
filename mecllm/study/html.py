"""Claims, equations and errata as HTML tables for the pages of the book."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape

from mecllm.study import settings
from mecllm.study.checks import Verdict
from mecllm.study.claims import COMPARISONS
from mecllm.study.coverage import sentences
from mecllm.study.dependence import moved, shares
from mecllm.study.entries import Equation, Erratum
from mecllm.study.ledgers import VERDICTS, Claim, decide, ledger, results
from mecllm.study.settings import stored_settings
from mecllm.study.training_claims import decide_training
from mecllm.system.scenario import TRACKS, Scenario


def verdict_table(ids: Iterable[str]) -> str:
    """HTML table of simulation claims: what the paper says, and what is found on each track."""
    names = tuple(ids)
    found = {track: decide(results(track), names) for track in TRACKS}
    says = {claim.id: claim.statement for claim in ledger()}
    rows = [
        _row([name, says[name], *(_found(t, name, found[t][name]) for t in TRACKS)])
        for name in names
    ]
    head = ["", "The paper", "Literal track", "Repaired track"]
    return _table("verdicts", head, rows)


def _found(track: str, claim: str, verdict: Verdict) -> str:
    """HTML of a verdict on a track, with all that it rests on."""
    parts = [f"<strong>{verdict.verdict}</strong>"]
    terms = {"as described": verdict.described, "on equal terms": verdict.equal}
    if verdict.described == verdict.equal:
        terms = {"": verdict.equal}
    for name, found in terms.items():
        own = f"{name} {found.verdict}: " if name else ""
        parts.append(f"{own}{found.numbers}; {found.agree:.0%} of resamples agree")
    space = shares(track, claim)
    if space:
        described = "" if space[True] == space[False] else f" (as described {space[False]})"
        parts.append(f"holds in {space[True]} of the space{described}")
    if others := moved(track, claim):
        listed = "; ".join(f"{setting}: {found}" for setting, found in others.items())
        parts.append(f"moved by {listed}")
    return "<br>".join([parts[0], *map(escape, parts[1:])])


# Sign of each verdict in a matrix; its colour is that of the cell's class.
_SIGNS = dict(zip(VERDICTS, ("✓", "(✓)", "=", "✗", "?"), strict=True))


def settings_table(ids: Iterable[str]) -> str:
    """HTML matrix of some claims under every setting: the verdicts on both tracks, as signs.

    A verdict that differs from the one of the first setting, as declared, is bold.

    Parameters
    ----------
    ids : iterable of str
        Claims that the settings decide.

    Returns
    -------
    str
        With the legend in the table's head.
    """
    names, rows = tuple(ids), []
    table = stored_settings().set_index(["track", "setting", "claim"])["verdict"]
    for track in TRACKS:
        declared, *_ = settings.names(track)
        for setting in settings.names(track):
            signs = (_sign(table[track, setting, n], table[track, declared, n]) for n in names)
            cells = f"<td>{track}</td><td>{escape(setting)}</td>" + "".join(signs)
            rows.append(f"<tr>{cells}</tr>")
    legend = [f'<span class="{_class(v)}">{sign}</span> {v}' for v, sign in _SIGNS.items()]
    legend.append("<strong>bold</strong>: another verdict than as declared")
    return _table("matrix", ["track", "setting", *names], rows, "; ".join(legend))


def _sign(verdict: str, declared: str) -> str:
    """HTML of a cell of the matrix; the sign has the verdict as its name for those who listen."""
    sign = f'<span role="img" aria-label="{verdict}" title="{verdict}">{_SIGNS[verdict]}</span>'
    if verdict != declared:
        sign = f"<strong>{sign}</strong>"
    return f'<td class="{_class(verdict)}">{sign}</td>'


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")


# Ratio of two methods with its interval, as the statistics write it.
_RATIO = re.compile(r"×\S+ \[[^\]]*\]")


def comparison_table() -> str:
    """HTML table of every comparison of methods: verdict and deciding ratio, on both tracks."""
    found = {track: decide(results(track), tuple(COMPARISONS)) for track in TRACKS}
    rows = [
        _row([name, escape(claim.text), *(_ratios(found[track][name]) for track in TRACKS)])
        for name, claim in COMPARISONS.items()
    ]
    return _table("words", ["", "The paper", "Literal track", "Repaired track"], rows)


def _ratios(verdict: Verdict) -> str:
    """HTML of a verdict and its ratio, in both arrangements of the methods where they differ."""
    described, equal = (
        ", ".join(_RATIO.findall(found.numbers)[:1]) for found in (verdict.described, verdict.equal)
    )
    if described != equal:
        described = f"as described {described}<br>on equal terms {equal}"
    return f"<strong>{verdict.verdict}</strong><br>{described}"


def track_table() -> str:
    """HTML table of the parameters in which the scenarios of the two tracks differ."""
    literal, repaired = (Scenario.load(track) for track in TRACKS)
    rows = []
    for key in literal.provenance:
        one, other = getattr(literal, key), getattr(repaired, key)
        if one != other:
            cells = (escape(str(value)) for value in (one, other))
            rows.append(_row([f"<code>{key}</code>", *cells]))
    return _table("words", ["parameter", "literal track", "repaired track"], rows)


# Shows the rows that have one verdict on either track; without scripts the whole table stands.
_FILTER = (
    '<p><label>Show <select onchange="for (const row of document.querySelectorAll('
    "'tr[data-verdicts]')) row.hidden = this.value && "
    "!row.dataset.verdicts.split('|').includes(this.value)\">"
    '<option value="">all verdicts</option>'
    + "".join(f"<option>{verdict}</option>" for verdict in VERDICTS)
    + "</select></label></p>"
)


def ledger_table() -> str:
    """HTML table of the whole ledger; each row has the claim's id and links to its evidence."""
    found = {track: decide(results(track)) for track in TRACKS}
    trained = decide_training()
    rows = []
    for claim in ledger():
        numbers = trained[claim.id][1:] if claim.id in trained else ()
        why = [escape(part) for part in (claim.reason, *numbers, claim.note) if part]
        says = [escape(claim.where), escape(claim.statement)]
        cells = [claim.id, *says, *_verdicts(claim, found), "<br>".join(why), _link(claim.evidence)]
        both = "|".join(dict.fromkeys(claim.on(track) for track in TRACKS))
        rows.append(_row(cells, f'id="claim-{claim.id.lower()}" data-verdicts="{both}"'))
    head = ["", "Where", "The paper", "Literal track", "Repaired track", "Why", "Evidence"]
    return _FILTER + _table("ledger", head, rows)


def _verdicts(claim: Claim, found: dict[str, dict[str, Verdict]]) -> list[str]:
    if claim.simulated:
        return [_found(track, claim.id, found[track][claim.id]) for track in TRACKS]
    return [f"<strong>{claim.on(track)}</strong>" for track in TRACKS]


def entry_table(entries: Sequence[Equation] | Sequence[Erratum], identity: str) -> str:
    """HTML table of equations or errata; each row has an id, so that other pages can point at it.

    Parameters
    ----------
    entries : sequence of Equation or Erratum
    identity : str
        What the ids start with.

    Returns
    -------
    str
    """
    keys = [field.name for field in fields(entries[0])]
    rows = []
    for entry in entries:
        values = {key: str(getattr(entry, key)) for key in keys}
        cells = [_link(v) if key == "evidence" else escape(v) for key, v in values.items()]
        anchor = f"{identity}-{values[keys[0]]}".lower().replace(".", "-")
        rows.append(_row(cells, f'id="{escape(anchor)}"'))
    return _table("ledger", keys, rows)


def sentence_table() -> str:
    """HTML table of the paper's sentences, each with its rows of the ledger or why it has none."""
    rows = []
    for sentence in sentences():
        links = (f'<a href="13-claims.html#claim-{c.lower()}">{c}</a>' for c in sentence.claims)
        cells = [sentence.section, f"{sentence.begins} …", sentence.left_out]
        section, begins, reason = map(escape, cells)
        rows.append(_row([section, begins, ", ".join(links) or f"none: {reason}"]))
    return _table("ledger", ["Section", "Sentence", "Rows of the ledger"], rows)


def _link(evidence: str) -> str:
    """HTML link to an evidence `chapter#label`."""
    page, _, label = map(escape, evidence.partition("#"))
    return f'<a href="{page}.html#{label}">{page}</a>'


def _row(cells: Iterable[str], attributes: str = "") -> str:
    start = f"<tr {attributes}>" if attributes else "<tr>"
    return start + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(kind: str, head: list[str], rows: list[str], legend: str = "") -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    above = f'<tr><td colspan="{len(head)}">{legend}</td></tr>' if legend else ""
    lines = [f'<table class="{kind}">', f"<thead>{above}<tr>{top}</tr></thead>", "<tbody>", *rows]
    return "\n".join([*lines, "</tbody></table>"])

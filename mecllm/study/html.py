"""Claims, equations and errata as HTML tables for the pages of the book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape

from mecllm.study.ledgers import VERDICTS, Equation, Erratum, decide, ledger, results
from mecllm.study.training_claims import decide_training
from mecllm.system.scenario import TRACKS


def verdict_table(ids: Iterable[str]) -> str:
    """HTML table of simulation claims: what the paper says, and what is found on each track."""
    names = tuple(ids)
    found = {track: decide(results(track), names) for track in TRACKS}
    says = {claim.id: claim.statement for claim in ledger()}
    rows = [
        _row([name, says[name], *("<br>".join(map(escape, found[t][name])) for t in TRACKS)])
        for name in names
    ]
    head = ["", "The paper", "Literal track", "Repaired track"]
    return _table("verdicts", head, rows)


# Shows the rows of one verdict; without scripts the whole table stands.
_FILTER = (
    '<p><label>Show <select onchange="for (const row of document.querySelectorAll('
    "'tr[data-verdict]')) row.hidden = this.value && row.dataset.verdict !== this.value\">"
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
        if claim.simulated:
            parts = [f"{t}: {'; '.join(found[t][claim.id])}" for t in TRACKS]
            reason = "<br>".join(escape(part) for part in (claim.reason, *parts) if part)
        else:
            numbers = trained[claim.id][1:] if claim.id in trained else ()
            reason = "<br>".join(map(escape, (claim.reason, *numbers)))
        says = [escape(claim.where), escape(claim.statement)]
        cells = [claim.id, *says, claim.overall, reason, _link(claim.evidence)]
        name = f'id="claim-{claim.id.lower()}" data-verdict="{claim.overall}"'
        rows.append(_row(cells, name))
    head = ["", "Where", "The paper", "Verdict", "Why, with numbers", "Evidence"]
    return _FILTER + _table("ledger", head, rows)


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


def _link(evidence: str) -> str:
    """HTML of an evidence: a link for `chapter#label`, plain code for a test."""
    page, mark, label = map(escape, evidence.partition("#"))
    return f'<a href="{page}.html#{label}">{page}</a>' if mark else f"<code>{page}</code>"


def _row(cells: Iterable[str], attributes: str = "") -> str:
    start = f"<tr {attributes}>" if attributes else "<tr>"
    return start + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(kind: str, head: list[str], rows: list[str]) -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = [f'<table class="{kind}">', f"<thead><tr>{top}</tr></thead>", "<tbody>", *rows]
    return "\n".join([*lines, "</tbody></table>"])

"""Tables that no one types: verdicts, dependencies and times, read when the book is rendered.

`{verdicts}`   counts of the claims ledger, a row for each group of claims and each track
`{findings}`   the main findings, each with its number and a link
`{packages}`   an extra of pyproject.toml, "package" or "others": versions, licences and reasons
`{times}`      how long each chapter takes, from `_data/times.csv`; with "commands", how long
               `make book` and `make test` take, from `_data/commands.csv`; with "results", what
               the stored tables cost, from `data/results/log.csv`
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from packaging.requirements import Requirement
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

# Where a group of claims is decided; the others spread over several chapters.
DECIDED_IN = {
    "Figure 2": "09-figure-2",
    "Figure 3": "10-figure-3",
    "Figure 4": "11-figure-4",
    "Figure 5": "12-figure-5",
}
# A licence longer than this is its full text.
SHORT = 50


def table(head: Iterable[str], rows: Iterable[Iterable[object]], align: str) -> str:
    """Write a Markdown table; `align` has a letter, l or r, for each column."""
    rule = {"l": ":---", "r": "---:"}
    lines = [head, (rule[letter] for letter in align), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def verdicts() -> str:
    """Count the verdicts of each group of claims, on each track where it has two."""
    from mecllm.study.ledgers import GROUPS, VERDICTS, verdict_counts
    from mecllm.system.scenario import TRACKS

    def row(name: str, track: str, counts: dict[str, int]) -> list[object]:
        return [name, track, *(n or "–" for n in counts.values()), sum(counts.values())]

    rows = []
    for name, prefix in GROUPS.items():
        linked = f"{{doc}}`{name} <{DECIDED_IN[name]}>`" if name in DECIDED_IN else name
        counts = {track: verdict_counts(track, prefix) for track in TRACKS}
        if counts["literal"] == counts["repaired"]:
            counts = {"both": counts["literal"]}
        rows += [row(linked, track, numbers) for track, numbers in counts.items()]
    rows += [row("**all claims**", track, verdict_counts(track)) for track in TRACKS]
    return table(["claims on", "track", *VERDICTS, "all"], rows, "ll" + "r" * (len(VERDICTS) + 1))


def findings() -> str:
    """List the main findings."""
    from mecllm.study.findings import findings as found

    lines = []
    for sentence, evidence in found():
        page, _, label = evidence.partition("#")
        lines.append(f"- {sentence} {{ref}}`→ chapter {int(page[:2])} <{label}>`")
    return "\n".join(lines)


def pins(lock: str) -> dict[str, str]:
    """Read name and version of each pin of a lock that holds on this Python and platform."""
    found = {}
    for line in re.findall(r"^([a-z0-9][^\\#\n]*==[^\\#\n]*)", lock, re.MULTILINE):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            found[pin.name] = str(pin.specifier).removeprefix("==")
    return found


def reasons(project: str) -> dict[str, str]:
    """Read from the text of pyproject.toml what each dependency is for: the comment behind it."""
    lines = re.findall(r'"([\w-]+)>=[^"]*"[,\]]* *# *(.+)', project)
    return dict(reversed(lines))  # the first line on a package counts


def licence(package: Distribution) -> str:
    """Say a package's licence in its own words: expression, short text, classifiers or file."""
    about = package.metadata
    if about.get("License-Expression"):
        return about["License-Expression"]
    stated = about.get("License", "").strip()
    if stated and stated != "UNKNOWN" and len(stated) < SHORT and "\n" not in stated:
        return stated
    kinds = [kind for kind in about.get_all("Classifier", []) if kind.startswith("License")]
    if kinds:
        return ", ".join(kind.rpartition(" :: ")[2] for kind in kinds)
    for file in package.files or []:
        if file.name.startswith("LICEN"):
            return file.read_text().strip().partition("\n")[0]
    raise ExtensionError(f"{about['Name']} states no licence")


def packages(root: Path, group: str) -> str:
    """Tabulate the dependencies of an extra, or all others of the lock."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    locked = pins((root / "requirements.lock").read_text(encoding="utf-8"))
    project = tomllib.loads(text)["project"]
    groups = {"package": project["dependencies"], **project["optional-dependencies"]}
    direct = {key: [Requirement(line).name for line in lines] for key, lines in groups.items()}
    if group != "others":
        why = reasons(text)
        rows = [
            [name, locked[name], licence(distribution(name)), why[name]] for name in direct[group]
        ]
        return table(["package", "version", "licence", "for"], rows, "llll")
    rows = []
    for name in sorted(set(locked) - {name for names in direct.values() for name in names}):
        try:
            rows.append([name, locked[name], licence(distribution(name))])
        except PackageNotFoundError:
            raise ExtensionError(f"{name} is in the lock and not installed") from None
    return table(["package", "version", "licence"], rows, "lll")


def chapter_times(source: Path) -> list[dict[str, str]]:
    """Read how long each chapter took when it was timed last."""
    with (source / "_data" / "times.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def times(source: Path) -> str:
    """Tabulate how long each chapter took."""
    entries = chapter_times(source)
    rows: list[list[object]] = [[f"{{doc}}`{e['chapter']}`", e["seconds"]] for e in entries]
    rows.append(["**all chapters**", sum(int(e["seconds"]) for e in entries)])
    machines = sorted({f"Python {e['python']} and {e['cores']} cores" for e in entries})
    return f"Measured with {'; '.join(machines)}.\n\n" + table(["chapter", "time [s]"], rows, "lr")


def commands(source: Path) -> str:
    """Tabulate how long the two commands took."""
    path = source / "_data" / "commands.csv"
    if not path.exists():  # as when they are being measured for the first time
        return "Not measured yet; `make times NB=commands` does it."
    with path.open(encoding="utf-8", newline="") as file:
        entries = list(csv.DictReader(file))
    rows = [[f"`{e['command']}`", e["seconds"]] for e in entries]
    machines = sorted(
        {
            f"{e['date']} on {e['processor']}, {e['cores']} cores, Python {e['python']}"
            for e in entries
        }
    )
    return f"Measured {'; '.join(machines)}.\n\n" + table(["command", "time [s]"], rows, "lr")


def results(_source: Path) -> str:
    """Tabulate what the stored tables cost, those of a kind together."""
    from mecllm.system.files import data_path  # the book is rendered in a folder without data

    with data_path("results", "log.csv").open(encoding="utf-8", newline="") as file:
        entries = list(csv.DictReader(file))
    rows: dict[str, list[int]] = {}
    for entry in entries:
        kind = rows.setdefault(entry["table"].partition(":")[0], [0, 0])
        kind[0] += int(entry["seconds"])
        kind[1] += int(entry["cpu_seconds"])
    lines: list[list[object]] = [[f"`{name}`", *costs] for name, costs in rows.items()]
    lines.append(["**all tables**", *map(sum, zip(*rows.values(), strict=True))])
    workers = ", ".join(sorted({entry["workers"] for entry in entries}))
    dates = ", ".join(sorted({entry["date"] for entry in entries}))
    told = f"Measured {dates} with {workers} processes.\n\n"
    return told + table(["table", "time [s]", "processor time [s]"], lines, "lrr")


class Generated(SphinxDirective):
    """A directive whose content is Markdown made by a function of this file."""

    optional_arguments = 1

    def markdown(self) -> str:
        """Make the content."""
        source = Path(self.env.srcdir)
        if self.name == "packages":
            return packages(source.parent, self.arguments[0])
        if self.name == "times":
            made = {"commands": commands, "results": results}
            return made.get("".join(self.arguments), times)(source)
        return findings() if self.name == "findings" else verdicts()

    def run(self) -> list[nodes.Node]:
        """Parse it in place."""
        made = nodes.Element()
        lines = StringList(self.markdown().splitlines(), self.env.docname)
        self.state.nested_parse(lines, self.content_offset, made)
        return made.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    for name in ("findings", "verdicts", "packages", "times"):
        app.add_directive(name, Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

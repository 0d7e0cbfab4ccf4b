"""On what a measurement was made: the kind of processor, the versions, the day."""

from __future__ import annotations

import datetime
import platform
import re
from importlib.metadata import version
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def processor(cpuinfo: Path = _CPUINFO) -> str:
    """Name of the processor: on Linux as it names itself, elsewhere or where it does not its kind.

    Parameters
    ----------
    cpuinfo : Path
        The file in which Linux describes the processor.
    """
    told = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)", told, re.MULTILINE)
    return named.group(1) if named else platform.processor() or platform.machine()


def surroundings(packages: tuple[str, ...]) -> dict[str, str]:
    """Columns of a measurement beside its numbers: machine, versions and date (UTC)."""
    named = [f"{package} {version(package)}" for package in packages]
    return {
        "machine": processor(),
        "versions": ", ".join([f"python {platform.python_version()}", *named]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }

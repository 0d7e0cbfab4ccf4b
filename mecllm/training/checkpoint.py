"""Checkpoints of one side of split training: weights and the optimiser's state, written whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mecllm.errors import ScenarioError
from mecllm.system.arrays import Array
from mecllm.system.files import write_whole
from mecllm.training.tuning import Part

_STATE = ("layers", "first", "second")


def save(path: Path, run: bytes, part: Part, more: Sequence[Array] = ()) -> None:
    """Write a checkpoint whole: weights, the optimiser's state, the step, and further arrays.

    Parameters
    ----------
    path : Path
    run : bytes
        Name of the run.
    part : Part
    more : sequence of array
    """
    arrays = {"run": np.frombuffer(run, np.uint8), "step": np.array(part.step)}
    for kind in _STATE:
        for i, block in enumerate(getattr(part, kind)):
            arrays |= {f"{kind} {i} {name}": block[name] for name in part.tuned[i]}
    arrays |= {f"more {i}": array for i, array in enumerate(more)}

    def write(draft: Path) -> None:
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_whole(path, write)


def load(path: Path, run: bytes, part: Part) -> tuple[Part, list[Array]]:
    """Read a checkpoint, or begin where there is none.

    Parameters
    ----------
    path : Path
    run : bytes
    part : Part
        As it was before the first step.

    Returns
    -------
    part, more : Part, list of array

    Raises
    ------
    ScenarioError
        For a checkpoint of another run.
    """
    if not path.exists():
        return part, []
    with np.load(path, allow_pickle=False) as file:
        if file["run"].tobytes() != run:
            raise ScenarioError(path.name, "run", file["run"].tobytes().hex(), run.hex())
        blocks: dict[str, Any] = {
            kind: tuple(
                {**block, **{name: file[f"{kind} {i} {name}"] for name in part.tuned[i]}}
                for i, block in enumerate(getattr(part, kind))
            )
            for kind in _STATE
        }
        more = [file[f"more {i}"] for i in range(sum(name[:4] == "more" for name in file))]
        return replace(part, step=int(file["step"]), **blocks), more

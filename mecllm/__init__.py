"""Reproduction of Liu & Zhao, Resource Allocation for Stable LLM Training in MEC (MobiHoc '24)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mecllm.certificate import verify
    from mecllm.errors import ScenarioError, SolverError
    from mecllm.methods import METHODS, solve
    from mecllm.model import Decision, evaluate
    from mecllm.network import Network
    from mecllm.scenario import Scenario

__all__ = [
    "METHODS",
    "Decision",
    "Network",
    "Scenario",
    "ScenarioError",
    "SolverError",
    "evaluate",
    "solve",
    "verify",
]

# Where each name lives. It is imported when it is first asked for, so that a process that needs one
# module does not wait for all of them.
_HOME = {
    "METHODS": "mecllm.methods",
    "Decision": "mecllm.model",
    "Network": "mecllm.network",
    "Scenario": "mecllm.scenario",
    "ScenarioError": "mecllm.errors",
    "SolverError": "mecllm.errors",
    "evaluate": "mecllm.model",
    "solve": "mecllm.methods",
    "verify": "mecllm.certificate",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Reproduction of Liu & Zhao, Resource Allocation for Stable LLM Training in MEC (MobiHoc '24)."""

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

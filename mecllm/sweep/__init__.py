"""The sensitivity atlas: what the claims do over the whole range of the constants not given."""

from mecllm.sweep.engine import Summary, export, run
from mecllm.sweep.space import Interval, Sweep
from mecllm.sweep.store import Store
from mecllm.sweep.tasks import STAND_INS, Outcome, Task, measure

__all__ = [
    "STAND_INS",
    "Interval",
    "Outcome",
    "Store",
    "Summary",
    "Sweep",
    "Task",
    "export",
    "measure",
    "run",
]

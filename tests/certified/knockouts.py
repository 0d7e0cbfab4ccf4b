"""What each accelerating part buys: CPU time without it over CPU time with it, run by hand.

    python -m tests.certified.knockouts [users servers seeds]

A part that buys less than 1.1 times at every size from 50 users on, and nothing in the decision or
the bound, is to go.
"""

import sys
import time
from contextlib import nullcontext

import numpy as np
import pytest

from mecllm.allocation import communication, enumeration, layers, logarithm, search
from mecllm.certified import moves, partition, prices, pricing, screening
from mecllm.study.bench import sized
from mecllm.system.scenario import TRACKS

NOTHING = np.iinfo(np.int64).max


def _plain_root(target, forward):
    """Newton's method from a start that knows no table."""
    return logarithm._newton(target, forward, np.ones_like(target))


def _no_floor(self, users):
    return np.zeros((len(users), self._nodes.size))


def _prices_alone(network):
    return prices.dual_prices(network), None


def _not_raised(network, costs, worth, counts):
    return worth, counts, np.ones(len(costs.users))


# Name: (module or class where the part is looked up, attribute, what stands there without it).
PARTS = {
    "nothing": (),
    "table of roots": ((communication, "root", _plain_root), (screening, "root", _plain_root)),
    "narrowing of α": ((enumeration, "_ENUMERATED", NOTHING),),
    "floor of J in screening": ((screening._Screen, "_layers_at_nodes", _no_floor),),
    "kinds of chips": ((screening, "_KINDS", 1),),
    "local search over α": ((layers, "improved", lambda w, g, c, e, best: best),),
    "pairs of α": ((search, "_PAIRED", 0),),
    "one α for all": ((search, "_alike", lambda w, g, c, e, best: best),),
    "moves together": ((moves, "_together", lambda *_: None),),
    "moves and swaps": ((moves, "_improve", lambda *_: None),),
    "swaps": ((moves, "_swaps", lambda *_: []),),
    "hopeless trials": ((moves, "_HOPELESS", np.inf),),
    "sets": ((partition, "_OPEN", -1),),
    "sets by parts": ((partition, "_PARTS", (1,)),),
    "prices by number": ((partition, "raised", _not_raised),),
    "draws": ((partition, "_DRAWN", 0),),
    "all pairs where few": ((screening, "_FEW", 0),),
    "last round of prices": ((prices, "_FINEST_USERS", 0),),
    "rounds of prices": ((prices, "_SMALL", NOTHING),),
    "interior point": ((prices, "_SMALL", 0),),
    "favourites": ((pricing, "dual_solution", _prices_alone),),
    "chords": ((layers._Ends, "crossing", lambda self, capacity, stayed: self.price.mean(axis=0)),),
    "nearest servers": ((screening, "_FIRST", NOTHING),),
}


def measured(network, part):
    """CPU time [s], objective and bound of `priced` without a part."""
    with pytest.MonkeyPatch.context() if PARTS[part] else nullcontext() as patch:
        for owner, name, value in PARTS[part]:
            patch.setattr(owner, name, value)
        start = time.process_time()
        result = pricing.priced(network)
        return time.process_time() - start, result.allocation.objective, result.lower_bound


def main(users=50, servers=10, seeds=3):
    """Print a line for each part and track: ratio of times, losses of objective and bound."""
    for track in TRACKS:
        networks = [sized(track, users, servers).draw(seed) for seed in range(seeds)]
        measured(networks[0], "nothing")
        whole = np.array([measured(network, "nothing") for network in networks])
        for part in PARTS:
            without = np.array([measured(network, part) for network in networks])
            ratio = np.exp(np.log(without[:, 0] / whole[:, 0]).mean())
            worse = np.mean(without[:, 1] / whole[:, 1] - 1)
            lower = np.mean((whole[:, 2] - without[:, 2]) / whole[:, 1])
            print(
                f"{track:8s} {users:6d} {servers:4d} {part:24s} time {ratio:6.2f}   "
                f"objective +{worse:8.1e}   bound -{lower:8.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

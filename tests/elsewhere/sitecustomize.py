"""Start-up hook: every constant of a drawn network is moved by a seeded relative 1e-14.

No list of machines is complete. What another libm, compiler or processor does to a result, a change
of the inputs in their last bits does as well. `tools/elsewhere.py` puts this folder on the path of
the tests and of their kernels; the package knows nothing of it.
"""

import importlib.abc
import importlib.util
import os
import sys

MODULE = "mecllm.system.scenario"
# About fifty units in the last place: more than two libraries differ by, and far below any digit
# that is printed.
MOVE = 1e-14
# These are counts, and stay counts.
COUNTS = ("server_slots", "samples")


def moved(values):
    """Return an array with each number moved, by a factor that is a hash of the number itself.

    Equal numbers stay equal: two chips of one kind tie on every machine, and the tie is broken by
    the same rule.
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        # The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) spreads the bits.
        bits = values.view(np.uint64) + np.uint64(int(os.environ["MECLLM_MOVED"]))
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    share = (bits ^ (bits >> np.uint64(31))) / np.float64(2**64)
    return values * (1 + MOVE * (2 * share - 1))


def move(network, derived):
    """Return the network with each of its arrays moved a little, and its weights if derived."""
    from dataclasses import fields, replace

    import numpy as np

    w, arrays = network.weights, {f.name: getattr(network, f.name) for f in fields(network)}
    changes = {
        key: moved(value)
        for key, value in arrays.items()
        if isinstance(value, np.ndarray) and key not in COUNTS
    }
    changes["normalized_by"] = ""
    if derived:
        changes["weights"] = type(w)(
            **{f.name: float(moved(getattr(w, f.name))) for f in fields(w)}
        )
    other = replace(network, **changes)
    return replace(other, normalized_by=other.mark) if network.normalized_by else other


class Finder(importlib.abc.MetaPathFinder):
    """Wraps `Scenario.draw` as soon as its module is imported."""

    def find_spec(self, name, path=None, target=None):
        """Find the one module as usual and add to what its loading does."""
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_wrap(module):
            load(module)
            draw = module.Scenario.draw
            module.Scenario.draw = lambda scenario, seed: move(
                draw(scenario, seed), scenario.normalization != "none"
            )

        spec.loader.exec_module = load_and_wrap
        return spec


if "MECLLM_MOVED" in os.environ:
    sys.meta_path.insert(0, Finder())

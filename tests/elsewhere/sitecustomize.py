"""Start-up hook: every constant of a drawn network is moved by a seeded relative 1e-14.

No list of machines is complete. What another libm, compiler or processor does to a result, a change
of the inputs in their last bits does as well. `tools/elsewhere.py` puts this folder on the path of
the tests and of their kernels; the package knows nothing of it.
"""

import importlib.abc
import importlib.util
import os
import sys
import zlib

MODULE = "mecllm.scenario"
# About fifty units in the last place: more than two libraries differ by, and far below any digit
# that is printed.
MOVE = 1e-14
# These are counts, and stay counts.
COUNTS = ("server_slots", "samples")


def move(network):
    """Return the network with each of its arrays and weights moved a little."""
    from dataclasses import fields, replace

    import numpy as np

    def moved(key, value):
        key = [int(os.environ["MECLLM_MOVED"]), zlib.crc32(key.encode())]
        return value * (1 + MOVE * np.random.default_rng(key).uniform(-1, 1, np.shape(value)))

    arrays = {f.name: getattr(network, f.name) for f in fields(network)}
    changes = {
        key: moved(key, value)
        for key, value in arrays.items()
        if isinstance(value, np.ndarray) and key not in COUNTS
    }
    # A bound that meets its partner must go on doing so.
    if np.array_equal(network.power_min, network.power_max):
        changes["power_max"] = changes["power_min"]
    w = network.weights
    weights = {f.name: float(moved(f.name, getattr(w, f.name))) for f in fields(w)}
    return replace(network, **changes, weights=type(w)(**weights))


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
            module.Scenario.draw = lambda scenario, seed: move(draw(scenario, seed))

        spec.loader.exec_module = load_and_wrap
        return spec


if "MECLLM_MOVED" in os.environ:
    sys.meta_path.insert(0, Finder())

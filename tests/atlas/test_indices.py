"""Sobol indices of functions whose indices are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from mecllm.atlas.indices import sobol_indices


def test_indices_of_a_function_whose_indices_are_known():
    x = qmc.Sobol(5, rng=np.random.default_rng(1)).random(2048)
    units = pd.DataFrame(x, columns=list("abcde"))
    # Orthogonal terms of variance 4/12, 1/12 and 9/144: the total variance is their sum.
    y = 2 * x[:, 0] + x[:, 1] + 3 * (x[:, 2] - 0.5) * (x[:, 3] - 0.5)
    total = 4 / 12 + 1 / 12 + 9 / 144
    noise = np.random.default_rng(0).standard_normal(2048)
    found = sobol_indices(units, pd.DataFrame({"y": y, "noise": noise, "constant": 7.0}))
    first = np.array([4 / 12, 1 / 12, 0, 0, 0]) / total
    both = np.array([4 / 12, 1 / 12, 9 / 144, 9 / 144, 0]) / total
    assert found.quality["y"] == pytest.approx(1, abs=1e-6)
    assert found.first["y"].to_numpy() == pytest.approx(first, abs=2e-3)
    assert found.total["y"].to_numpy() == pytest.approx(both, abs=2e-3)
    assert found.binned["y"].to_numpy() == pytest.approx(first, abs=0.02)
    assert found.quality["noise"] < 0.05
    assert found.binned["noise"].max() < 0.05
    assert found.quality["constant"] == 1
    assert not found.total["constant"].any()
    assert not found.binned["constant"].any()

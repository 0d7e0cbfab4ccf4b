"""What students hand in: plausible mistakes with the tests they fail, and other right answers."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """Text of a solution cell, what a student wrote instead, and the test cells that notice."""

    cell: str
    right: str
    wrong: str
    fails: tuple[str, ...]


MISTAKES = {
    "01-system-model": (
        # dBW for dBm; nats for bits; the upload's time forgotten.
        Mistake("watts", "(np.asarray(level) - 30)", "np.asarray(level)", ("test-watts",)),
        Mistake("rate", "np.log2", "np.log", ("test-rate",)),
        Mistake("totals", "delay = delay + upload", "pass", ("test-totals",)),
    ),
    "02-clock": (
        # The limit forgotten; the factor two of the derivative; a deadline that is just missed.
        Mistake("best-clock", "np.minimum(limit, ", "np.add(0, ", ("test-best-clock",)),
        Mistake("price", "return 2 * kappa", "return kappa", ("test-price",)),
        Mistake("deadline", "if clock > limit:", "if False:", ("test-deadline-error",)),
    ),
    "03-transform": (
        # z without its half; bits for nats; the bounds on p forgotten.
        Mistake("majorant", "return b / (2 * a)", "return b / a", ("test-majorant",)),
        Mistake("infimum", " * np.log(2)", "", ("test-infimum",)),
        Mistake("mend", "np.clip(", "(lambda p, *_: p)(", ("test-mend",)),
    ),
    "04-water-filling": (
        # Right if the rate were proportional to b; a server that never idles.
        Mistake(
            "share",
            "low, high = -20.0, 5.0",
            "part = np.sqrt(cost(total / len(value), value, reach))\n"
            "    return total * part / part.sum(), 0.0",
            ("test-share-verify",),
        ),
        Mistake(
            "clock",
            "free = np.cbrt",
            "return total * np.sqrt(cycles) / np.sqrt(cycles).sum()\n    free = np.cbrt",
            ("test-clock",),
        ),
    ),
    "05-stability": (
        # The sum of (A.1) for the mean of (A.7); α = Υ allowed.
        Mistake("linear", "np.mean(z)", "np.sum(z)", ("test-linear", "test-change")),
        Mistake("layers", "np.arange(1, layers)", "np.arange(1, layers + 1)", ("test-layers",)),
    ),
    "06-certificates": (
        # Half the gradient; prices of the clock forgotten; equal shares at the nearest server.
        Mistake("linearised", "(1 - 2 * chi)", "(1 - chi)", ("test-linearised",)),
        Mistake(
            "bound",
            " - np.sum(frequency_price * network.server_frequency_max)",
            "",
            ("test-bound-value",),
        ),
        Mistake(
            "design",
            "best = allocate(network, greedy(network))",
            "from mecllm import evaluate\n"
            "    from mecllm.system.model import reference_decision\n"
            "    decision = reference_decision(network, network.nearest())\n"
            "    return decision, evaluate(network, decision).objective",
            ("test-design-good", "test-design-best"),
        ),
    ),
}

# Right answers by other means than the model solution's: no test may fail.
ALTERNATIVES = {
    "01-system-model": {
        "reach": """
def reach(ratio, bandwidth, power, noise):
    low, high = 1e-3, 1e9
    for _ in range(200):
        middle = (low * high) ** 0.5
        if rate(bandwidth, power, gain(max(middle, 10)), noise) > bandwidth * np.log2(1 + ratio):
            low = middle
        else:
            high = middle
    return low
""",
    },
    "02-clock": {
        "front": """
from scipy.optimize import minimize_scalar


def front(cycles, kappa, limit, ratios):
    points = []
    for ratio in ratios:
        cost = lambda x: ratio / np.exp(x) + kappa * np.exp(2 * x)
        clock = np.exp(minimize_scalar(cost, bounds=(0, np.log(limit)), method="bounded",
                                       options={"xatol": 1e-10}).x)
        clock = limit if clock > limit * (1 - 1e-6) else clock
        points.append((cycles / clock, kappa * cycles * clock**2))
    return [p[0] for p in points], [p[1] for p in points]
""",
    },
    "03-transform": {
        "step": """
from scipy.optimize import minimize_scalar


def next_ratio(x):
    z = auxiliary(x, 1 / np.log1p(x))
    surrogate = lambda y: majorant(np.exp(y), 1 / np.log1p(np.exp(y)), z)
    end = np.log(x)
    return np.exp(minimize_scalar(surrogate, bounds=(end - 3, end), method="bounded",
                                  options={"xatol": 1e-9}).x)
""",
        "mend": """
def best_power(delay_weight, energy_weight, bandwidth, gain, noise, low, high):
    grid = np.geomspace(low, high, 200001)
    rate = transmission_rate(bandwidth, grid, gain, noise)
    return grid[np.argmin((delay_weight + energy_weight * grid) / rate)]
""",
    },
    "04-water-filling": {
        "share": """
from scipy.optimize import brentq


def share(total, value, reach):
    excess = lambda x: np.log(demand(np.exp(x), value, reach).sum() / total)
    price = np.exp(brentq(excess, -40, 5, xtol=1e-12))
    return demand(price, value, reach), price
""",
    },
    "05-stability": {
        "layers": """
def best_layers(device, server, scale, edge, layers):
    cost = lambda a: a * device + (layers - a) * server + scale / (edge - a / layers)
    return min(range(1, layers), key=cost)
""",
    },
    "06-certificates": {
        "assign": """
from scipy.optimize import LinearConstraint, milp


def assign(costs, slots):
    users, servers = costs.shape
    one = LinearConstraint(np.kron(np.eye(users), np.ones(servers)), 1, 1)
    most = LinearConstraint(np.kron(np.ones(users), np.eye(servers)), 0, slots)
    chi = milp(costs.ravel(), constraints=[one, most], integrality=np.ones(users * servers)).x
    return chi.reshape(costs.shape).argmax(axis=1)
""",
        "linearised": """
def linearised(costs, penalty, association):
    answer = costs.copy()  # the constant of each user left out
    answer[np.arange(len(costs)), association] -= 2 * penalty
    return answer
""",
    },
}

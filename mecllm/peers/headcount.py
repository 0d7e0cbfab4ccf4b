"""HiGHS for χ and IPOPT for the resources, in turns.

At fixed resources no user can go anywhere (chapter 7), so a pair is priced as if its server were
shared equally among k users, at the best p and α, and a mixed-integer programme chooses χ together
with every server's k:

    min Σ_nmk c_nmk x_nmk,   Σ_mk x_nmk = 1,   Σ_n x_nmk = k z_mk,   Σ_k z_mk <= 1,   z binary

(= 1 where every server must be used; k runs over a grid where there are many users, and then
Σ_n x_nmk <= k z_mk). IPOPT then shares each server out, and each user's costs are scaled by what
it really paid, until χ comes back.
"""

from __future__ import annotations

import time

import numpy as np

from mecllm.peers.model import Coefficients, capacity_low
from mecllm.peers.nonlinear import polished, resources
from mecllm.system.arrays import Array, IntArray
from mecllm.system.association import fill_empty
from mecllm.system.model import Cost, Decision, evaluate, server_load
from mecllm.system.network import Network

# Users of a server, as a multiple of the average, and sizes of a server that are told apart.
_MOST_LOAD, _SIZES = 3, 32
# Powers tried for a pair, in equal ratios.
_POWERS = 25
# Far below what the equal shares are wrong by.
_GAP = 1e-4


def turns(network: Network, start: Decision, limit: float, seed: int) -> tuple[Decision, str]:
    """Alternate a mixed-integer programme for χ and IPOPT for the resources.

    Parameters
    ----------
    start : Decision
        Whose χ comes first.
    limit : float
        Most processor time [s]; HiGHS itself looks at the clock on the wall.
    seed : int
        Of no use here.

    Returns
    -------
    decision : Decision
        The best that was found.
    status : str
        Why it ended.
    """
    began, users = time.process_time(), np.arange(network.users)
    c, size = Coefficients.of(network), _sizes(network)
    costs = _costs(network, c, size)
    least, best, trial = np.inf, start, start
    seen: set[bytes] = set()
    while True:
        found, _ = resources(network, c, trial)
        cost = evaluate(network, found)
        if cost.objective < least:
            least, best = cost.objective, found
        chi = found.association
        seen.add(chi.tobytes())
        left = limit - (time.process_time() - began)
        if left <= 0:
            status = "time"
            break
        load = server_load(network, chi)[chi]
        place = np.minimum(np.searchsorted(size, load), len(size) - 1)
        paid = _paid(network, cost) / costs[users, chi, place]
        following = _assigned(network, costs * paid[:, None, None], size, left)
        if following is None or following.tobytes() in seen:
            status = "no solution of HiGHS" if following is None else "χ came back"
            break
        trial = _equal_shares(network, following, found)
    return polished(network, c, best), status


def _sizes(network: Network) -> Array:
    """Numbers of users of a server that the programme tells apart."""
    rest = network.users - (network.servers - 1 if capacity_low(network) else 0)
    most = min(rest, int(np.ceil(_MOST_LOAD * network.users / network.servers)))
    if most <= _SIZES:
        return np.arange(1.0, most + 1)
    return np.unique(np.round(np.geomspace(1, most, _SIZES)))


def _costs(network: Network, c: Coefficients, size: Array) -> Array:
    """Cost (N, M, K) of a user at a server that is shared equally among so many."""
    share = 1 / size
    upload = np.full((*c.upload.shape, len(size)), np.inf)
    count = _POWERS if c.time else 1
    for step in np.linspace(0, 1, count):
        power = (c.power_min ** (1 - step) * c.power_max**step)[:, None, None]
        rate = share * np.log1p(c.snr[:, :, None] * power / share)
        price = c.time + c.energy[:, None, None] * power
        upload = np.minimum(upload, c.upload[:, :, None] * price / rate)
    clock = np.broadcast_to(share, upload.shape)
    if not capacity_low(network):
        clock = np.minimum(clock, np.cbrt(c.slow / (2 * c.hot))[:, :, None])
    layer = c.slow[:, :, None] / clock + c.hot[:, :, None] * clock**2
    best = np.full(upload.shape, np.inf)
    for alpha in range(1, network.layers):
        home = alpha * c.local + c.stability / (c.edge - alpha / network.layers)
        best = np.minimum(best, home[:, None, None] + (network.layers - alpha) * layer)
    return upload + best


def _paid(network: Network, cost: Cost) -> Array:
    """Return what each user (N,) pays."""
    weights = network.weights
    parts = weights.energy * cost.energy + weights.delay * cost.delay
    return parts + weights.stability * cost.stability


def _assigned(network: Network, costs: Array, size: Array, limit: float) -> IntArray | None:
    """χ of least cost by HiGHS, or None where it has no solution in time."""
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    users, servers, kinds = costs.shape
    sets = servers * kinds
    every = sparse.eye_array(sets)
    one = sparse.kron(sparse.eye_array(users), np.ones((1, sets)))
    one = sparse.hstack([one, sparse.csr_array((users, sets))])
    filled = sparse.kron(np.ones((1, users)), every)
    filled = sparse.hstack([filled, -sparse.diags_array(np.tile(size, servers))])
    single = sparse.kron(sparse.eye_array(servers), np.ones((1, kinds)))
    single = sparse.hstack([sparse.csr_array((servers, users * sets)), single])
    whole = len(size) == size[-1]
    result = milp(
        np.concatenate([costs.ravel(), np.zeros(sets)]),
        integrality=np.repeat([0, 1], [users * sets, sets]),
        constraints=[
            LinearConstraint(one.tocsr(), 1, 1),
            LinearConstraint(filled.tocsr(), 0 if whole else -np.inf, 0),
            LinearConstraint(single.tocsr(), capacity_low(network), 1),
        ],
        bounds=Bounds(0, 1),
        options={"time_limit": limit, "mip_rel_gap": _GAP},
    )
    if result.x is None:
        return None
    chosen = result.x[: costs.size].reshape(costs.shape).sum(axis=2).argmax(axis=1)
    return fill_empty(network, chosen)


def _equal_shares(network: Network, chi: IntArray, last: Decision) -> Decision:
    load = server_load(network, chi)[chi]
    return Decision(
        association=chi,
        local_layers=last.local_layers,
        power=last.power,
        bandwidth=network.bandwidth_max[chi] / load,
        user_frequency=last.user_frequency,
        server_frequency=network.server_frequency_max[chi] / load,
    )

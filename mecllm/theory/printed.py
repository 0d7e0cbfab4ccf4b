"""Equations (12)-(32) as the paper prints them, transcribed by hand and derived from nothing.

Where letters of the paper, or of our copy, are not taken as they stand,
``mecllm.theory.letters`` has the reading and what the letters would say, and
``data/equations.csv`` has it in words.
"""

from __future__ import annotations

from sympy import Expr, log

from mecllm.theory.symbols import (
    KAPPA_1,
    KAPPA_2,
    LAYERS,
    LIPSCHITZ,
    NOISE,
    OMEGA_E,
    OMEGA_S,
    OMEGA_T,
    SERVERS,
    Pair,
    User,
)


def _printed(n: int = 1, m: int = 1) -> dict[str, Expr]:
    """Equations (12)-(32) of user n at server m, keyed by the paper's number.

    Of the identities (16) and (32a)-(32e) this is the right side. In (16) and (12) it is H, in
    (32a)-(32e) the derivative of K at the optimal auxiliaries, (22)-(26).
    """
    user, pair = User.of(n), Pair.of(n, m)
    pairs = [Pair.of(n, server) for server in SERVERS]
    alpha, p, f, z = user.layers, user.power, user.frequency, user.z
    psi, d, k, cd = user.flops, user.bits, user.samples, user.cores * user.rate
    g, b, fe, v, q = pair.gain, pair.bandwidth, pair.frequency, pair.v, pair.q
    chi, cde = pair.chosen, pair.cores * pair.rate
    wt, we, ws, k1, k2, noise = OMEGA_T, OMEGA_E, OMEGA_S, KAPPA_1, KAPPA_2, NOISE
    ups, lip, ln2 = LAYERS, LIPSCHITZ, log(2)

    def a_cost() -> Expr:
        return wt * psi / (f * cd) + we * k1 * f**2 * psi / cd

    def b_cost(at: Pair) -> Expr:
        edge = at.cores * at.rate
        return wt * psi / (at.frequency * edge) + we * k2 * at.frequency**2 * psi / edge

    def rate(at: Pair) -> Expr:
        return at.bandwidth * log(1 + at.gain * p / (noise * at.bandwidth)) / ln2

    stability = ws * 2 * lip**2 / (k * (1 - alpha / ups))
    x1 = g * p / (b * noise) + 1
    slope_alpha = 2 * lip**2 * ws / (k * ups * (1 - alpha / ups) ** 2)
    equations = {
        "12": alpha * (wt * psi / (f * cd) + we * k1 * f**2 * psi / cd)
        + sum(we * j.chosen * d * p / rate(j) for j in pairs)
        + sum(j.chosen * (ups - alpha) * b_cost(j) for j in pairs)
        + stability,
        "13": alpha**2 * z
        + a_cost() ** 2 / (4 * z)
        + we * sum(j.chosen * ((p * d) ** 2 * j.v + 1 / (4 * rate(j) ** 2 * j.v)) for j in pairs)
        + sum(j.chosen * ((ups - alpha) ** 2 * j.q + b_cost(j) ** 2 / (4 * j.q)) for j in pairs)
        + stability,
        "14": wt * psi / (f * cd) + we * k1 * f**2 * psi / cd,
        "15": wt * psi / (fe * cde) + we * k2 * fe**2 * psi / cde,
        "z#": a_cost() / (2 * alpha),
        "v#": 1 / (2 * p * d * rate(pair)),
        "q#": b_cost(pair) / (2 * (ups - alpha)),
        "17": slope_alpha + 2 * z * alpha - 2 * sum(j.chosen * j.q * (ups - alpha) for j in pairs),
        "18": sum(
            j.chosen
            * we
            * (
                2 * d**2 * j.v * p
                - ln2**2
                * j.gain
                / (
                    2
                    * j.bandwidth**3
                    * j.v
                    * noise
                    * (j.gain * p / (j.bandwidth * noise) + 1)
                    * log(j.gain * p / (j.bandwidth * noise) + 1) ** 3
                )
            )
            for j in pairs
        ),
        "19": chi
        * we
        * ln2**2
        / (2 * v * log(x1) ** 2 * b**3)
        * (g * p / (noise * log(x1) * x1 * b) - 1),
        "20": psi**2 * (k1 * we * f**3 + wt) * (2 * k1 * we * f**3 - wt) / (2 * z * f**3 * cd**2),
        "21": chi
        * psi**2
        * (k2 * we * fe**3 + wt)
        * (2 * k2 * we * fe**3 - wt)
        / (2 * q * fe**3 * cde**2),
        "22": slope_alpha + a_cost() - sum(j.chosen * b_cost(j) for j in pairs),
        "23": sum(
            j.chosen
            * we
            * (
                d / (j.bandwidth * log(1 + j.gain * p / (noise * j.bandwidth)) / ln2)
                - ln2
                * j.gain
                * p
                * d
                / (
                    j.bandwidth
                    * (j.gain * p + j.bandwidth * noise)
                    * log(j.gain * p / (j.bandwidth * noise) + 1) ** 2
                )
            )
            for j in pairs
        ),
        "24": chi * we * ln2 * p * d / (b**2 * log(x1)) * (g * p / (noise * log(x1) * x1 * b) - 1),
        "25": alpha * psi * (2 * k1 * we * f**3 - wt) / (f**2 * cd),
        "26": (ups - alpha) * chi * psi * (2 * k2 * we * fe**3 - wt) / (fe**2 * cde),
        "27": wt * psi / (f * cd)
        + we * k1 * f**2 * psi / cd
        + slope_alpha
        - sum(j.chosen * b_cost(j) for j in pairs),
        "28": sum(
            ln2
            * we
            * j.chosen
            * d
            * (
                (j.gain * p + j.bandwidth * noise) * log(j.gain * p / (j.bandwidth * noise) + 1)
                - j.gain * p
            )
            / (
                j.bandwidth
                * (j.gain * p + j.bandwidth * noise)
                * log(j.gain * p / (j.bandwidth * noise) + 1) ** 2
            )
            for j in pairs
        ),
        "29": we * ln2 * chi * d * g * p**2 / (noise * log(x1) ** 2 * x1 * b**3)
        - we * ln2 * chi * d * p / (log(x1) * b**2),
        "30": -alpha * wt * psi / (cd * f**2) + 2 * alpha * we * k1 * f * psi / cd,
        "31": chi * (ups - alpha) * (2 * we * k2 * fe * psi / cde - wt * psi / (cde * fe**2)),
    }
    equations["16"] = equations["12"]
    for position, letter in enumerate("abcde"):
        equations[f"32{letter}"] = equations[str(22 + position)]
    return equations


#: Written out when it is first asked for.
PRINTED: dict[str, Expr]


def __getattr__(name: str) -> dict[str, Expr]:
    if name != "PRINTED":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _printed())

"""The atlas to explore: one picture in the page that shows any claim on any map."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mecllm.atlas.flips import coordinates, threshold
from mecllm.atlas.results import STATEMENTS, Results, shares
from mecllm.atlas.space import Interval
from mecllm.pictures.atlas import (
    COLORS,
    KAPPA_MAP,
    MAPS,
    STEPS,
    cells,
    map_axes,
    map_ends,
    quantities,
)
from mecllm.system.arrays import Array

# Where the built page keeps plotly.js; see book/_ext/offline_plotly.py.
_SCRIPT = "_static/plotly/plotly.min.js"


def interactive(results: Results, labels: dict[str, str]) -> str:
    """HTML of a picture to explore: any claim, either track, on a map or against every constant.

    The controls are the browser's own lists, which a keyboard reaches, and a sentence says what is
    shown. Nothing is fetched but the page's own plotly.js. The text depends on the data alone.

    Parameters
    ----------
    results : Results
    labels : dict
        Key of a constant → its label.

    Returns
    -------
    str
    """
    data: dict[str, Any] = {
        "tracks": {},
        "names": {"interior": "users with 1 < α < Υ", **STATEMENTS},
    }
    sweep, table = results.sweep, shares(results)
    for track in sweep.scenarios:
        values = quantities(results, track)
        unit = coordinates(results, track)
        steps = np.minimum((unit.to_numpy() * STEPS).astype(int), STEPS - 1)
        entry: dict[str, Any] = {
            "constants": [labels[key] for key in unit.columns],
            "steps": [
                [f"{b:.3g}" for b in _steps(sweep.intervals[track][k])] for k in unit.columns
            ],
            "maps": {},
            "against": {
                name: [
                    _rounded(values[name].groupby(steps[:, i]).mean().reindex(range(STEPS)))
                    for i in range(steps.shape[1])
                ]
                for name in values.columns
            },
            "share": {
                row["claim"]: [round(float(row[k]), 3) for k in ("holds", "low", "high")]
                for row in table.loc[table["track"] == track].to_dict("records")
            },
        }
        for name in MAPS:
            x, y = map_axes(results, track, name)
            ends = map_ends(results, track, name)
            entry["maps"][name] = {
                "x": _digits(ends[0]),
                "y": _digits(ends[1]),
                "z": {
                    q: [_rounded(row) for row in cells(values[q].to_numpy(), x, y, ends)]
                    for q in values.columns
                },
            }
        x, _ = map_ends(results, track, KAPPA_MAP)
        line = np.geomspace(x[0], x[-1], 40)
        entry["threshold"] = {
            "x": _digits(line),
            "y": _digits(threshold(sweep.scenarios[track], line)),
        }
        data["tracks"][track] = entry
    data["maps"], data["colors"] = {k: list(v) for k, v in MAPS.items()}, list(COLORS)
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return _PAGE.replace("@SCRIPT@", _SCRIPT).replace("@DATA@", content)


def _steps(interval: Interval) -> list[float]:
    return [interval.value(i / STEPS) for i in range(STEPS + 1)]


def _digits(values: Array) -> list[float]:
    return [float(f"{v:.4g}") for v in values]


def _rounded(values: Any) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 2) for v in values]


# No framework: three lists, one picture, one sentence. `Plotly.react` redraws in place.
_PAGE = """
<div id="atlas" style="max-width:100%">
<label>Track <select id="atlas-track"></select></label>
<label>Quantity <select id="atlas-quantity" style="max-width:24em"></select></label>
<label>Shown <select id="atlas-view"></select></label>
<div id="atlas-plot" role="img" aria-labelledby="atlas-text" style="width:100%;height:470px"></div>
<p id="atlas-text" aria-live="polite"></p>
</div>
<script>window.PlotlyConfig = {MathJaxConfig: "local"};</script>
<script src="@SCRIPT@"></script>
<script>
(() => {
  const data = @DATA@;
  const get = (name) => document.getElementById("atlas-" + name);
  const fill = (name, pairs) =>
    pairs.forEach(([value, text]) => get(name).add(new Option(text, value)));
  const against = "against every constant";
  fill("track", Object.keys(data.tracks).map((t) => [t, t]));
  fill("quantity", Object.entries(data.names).map(
    ([q, text]) => [q, q === "interior" ? text : q + " " + text]));
  fill("view", [...Object.keys(data.maps), against].map((v) => [v, v]));
  const percent = (v) => Math.round(100 * v) + " %";
  const draw = () => {
    const [chosen, q, view] = ["track", "quantity", "view"].map((name) => get(name).value);
    const track = data.tracks[chosen];
    const [low, middle, high] = data.colors, bar = {tickformat: ".0%", thickness: 14};
    const scale = [[0, low], [0.5, middle], [1, high]];
    const heat = {type: "heatmap", zmin: 0, zmax: 1, colorscale: scale, colorbar: bar};
    const layout = {margin: {l: 70, r: 10, t: 10, b: 55}, paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)", font: {size: 12}, showlegend: false};
    let traces;
    if (view === against) {
      const hover = track.steps.map((e) => e.slice(1).map((end, i) => e[i] + " to " + end));
      traces = [{...heat, z: track.against[q], y: track.constants, text: hover,
        hovertemplate: "%{y}: %{text}<br>%{z:.0%}<extra></extra>"}];
      Object.assign(layout, {margin: {l: 190, r: 10, t: 10, b: 55}, yaxis: {autorange: "reversed"},
        xaxis: {title: {text: "from the lowest to the highest value"}, showticklabels: false}});
    } else {
      const map = track.maps[view], [x, y] = data.maps[view];
      const log = view === Object.keys(data.maps)[0];
      traces = [{...heat, x: map.x, y: map.y, z: map.z[q],
        hovertemplate: "%{z:.0%}<extra></extra>"}];
      if (log) {
        const line = {type: "scatter", mode: "lines", ...track.threshold, hoverinfo: "skip"};
        traces.push({...line, line: {color: "white", width: 5}},
          {...line, line: {color: "black", dash: "dash"}});
      }
      const axis = (title, ends, scaled) => ({title: {text: title}, type: scaled ? "log" : "linear",
        range: [ends[0], ends.at(-1)].map((v) => scaled ? Math.log10(v) : v)});
      layout.xaxis = axis(x, map.x, log);
      layout.yaxis = axis(y, map.y, log);
    }
    Plotly.react("atlas-plot", traces, layout, {displayModeBar: false, responsive: true});
    const share = track.share[q];
    get("text").textContent = share
      ? "On the " + chosen + " track, " + q + " (" + data.names[q] + ") holds in "
        + percent(share[0]) + " of the space (95 % interval " + percent(share[1]) + " to "
        + percent(share[2]) + ")."
      : "Share of users whose layers are split between device and server.";
  };
  ["track", "quantity", "view"].forEach((name) => get(name).addEventListener("change", draw));
  draw();
})();
</script>
"""

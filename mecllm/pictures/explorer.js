(() => {
  // Printed from SymPy by mecllm; every formula of the page is here.
  const formulas = @FUNCTIONS@;
  const data = @DATA@;
  const S = data.symbols, weights = ["delay", "energy", "stability"];
  const titles = {split: "best split", edge_only: "edge only", local_only: "local only"};
  const get = (name) => document.getElementById("split-" + name);

  // Power in [low, high] at which the slope changes its sign; one end where it does not.
  const bisect = (slope, low, high) => {
    if (slope(low) >= 0) return low;
    if (slope(high) <= 0) return high;
    for (let i = 0; i < 100; i += 1) {
      const middle = Math.sqrt(low * high);
      if (slope(middle) < 0) low = middle; else high = middle;
    }
    return Math.sqrt(low * high);
  };

  // Every variable of a setting at its reference point, where the weights are normalised.
  const reference = (setting) => {
    const most = data.tracks[setting.track].values;
    return {...most, [S.user_flops_per_cycle]: setting.flops_per_cycle,
      [S.server_kappa]: setting.kappa_ratio * most[S.user_kappa],
      [S.bandwidth]: most[S.bandwidth] / setting.users,
      [S.server_frequency]: most[S.server_frequency] / setting.users};
  };

  const solve = (setting, unit) => {
    const track = data.tracks[setting.track], f = formulas[setting.track];
    const point = reference(setting), scale = reference(unit), power_max = point[S.power];
    weights.forEach((name) => {
      point[S[name]] = setting[name] / formulas[unit.track][name](scale);
    });
    const clock = (root, limit) => point[S.energy] > 0
      ? Math.min(limit, Math.max(data.least_clock * limit, root(point))) : limit;
    const limits = {user: point[S.user_frequency], server: point[S.server_frequency]};
    point[S.user_frequency] = clock(f.user_clock, limits.user);
    if (!track.equal) point[S.server_frequency] = clock(f.server_clock, limits.server);
    point[S.power] = bisect((p) => f.power_slope({...point, [S.power]: p}),
      track.power_min, power_max);
    const at = (layers) => {
      const here = {...point, [S.local_layers]: layers,
        [S.chosen]: layers < point[S.all_layers] ? 1 : 0};
      const cost = {layers};
      weights.forEach((name) => { cost[name] = f[name](here); });
      Object.keys(data.parts).forEach((name) => { cost[name] = f[name](here); });
      if (!(setting.stability > 0)) cost.bound = 0;  // also where the bound itself is infinite
      cost.objective = Object.keys(data.parts).reduce((sum, name) => sum + cost[name], 0);
      return cost;
    };
    const all = Array.from({length: point[S.all_layers] - 1}, (_, i) => at(i + 1));
    const split = all.reduce((best, cost) => cost.objective < best.objective ? cost : best);
    return {all, options: {split, edge_only: at(0), local_only: at(point[S.all_layers])},
      point, limits, layers: point[S.all_layers], power_max};
  };

  const superscript = (n) => String(n).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  const number = (x, digits = 3) => {
    if (x === Infinity) return "∞";
    if (x !== 0 && (Math.abs(x) >= 1e6 || Math.abs(x) < 1e-4)) {
      const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
      return mantissa + "·10" + superscript(Number(exponent));
    }
    return x.toLocaleString("en", {maximumSignificantDigits: digits});
  };

  const ns = "http://www.w3.org/2000/svg";
  const draw = (parent, name, attributes, text) => {
    const node = parent.appendChild(document.createElementNS(ns, name));
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const marker = (parent, kind, x, y, r, color) => {
    const look = {fill: color, stroke: "var(--split-paper)", "stroke-width": 1};
    if (kind === "o") draw(parent, "circle", {cx: x, cy: y, r, ...look});
    else if (kind === "s") draw(parent, "rect", {x: x - r, y: y - r, width: 2 * r, height: 2 * r, ...look});
    else draw(parent, "path", {d: `M${x},${y - r}l${r},${2 * r}h${-2 * r}z`, ...look});
  };
  const dashes = {split: "", edge_only: "7 4", local_only: "9 3 2 3"};
  // Hatches by name: with them the colours of the parts are told apart in grey.
  const hatch = {upload: "M0,6L6,0M-1,1L1,-1M5,7L7,5", bound: "M0,3H6M3,0V6"};
  const canvas = (name, height, label) => {
    const box = get(name), width = Math.max(280, box.clientWidth);
    box.replaceChildren();
    const svg = draw(box, "svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label});
    return [svg, width];
  };
  const patterns = (svg, prefix) => {
    const defs = draw(svg, "defs", {});
    Object.entries(hatch).forEach(([name, d]) => {
      const tile = draw(defs, "pattern", {id: `split-${prefix}-${name}`, width: 6, height: 6,
        patternUnits: "userSpaceOnUse"});
      draw(tile, "rect", {width: 6, height: 6, fill: data.parts[name].color});
      draw(tile, "path", {d, stroke: "#000", "stroke-width": 1, fill: "none"});
    });
    return (name) => hatch[name] ? `url(#split-${prefix}-${name})` : data.parts[name].color;
  };
  // The bars show the cost relative to the best split from 0 to this.
  const highest = 3;
  // Axis of the curve: wide enough for the baselines, unless they are far off, and no wider.
  const axis = (values) => {
    const spread = Math.min(2 / 3, Math.max(0.02, ...values.filter((v) => v < 2).map((v) => Math.abs(v - 1))));
    const [low, high] = [Math.max(0, 1 - 1.5 * spread), 1 + 3 * spread];
    const decade = 10 ** Math.floor(Math.log10((high - low) / 3));
    const step = [2, 5].map((n) => n * decade).filter((n) => n <= (high - low) / 3).pop() || decade;
    const first = Math.ceil(low / step - 1e-9), count = Math.floor(high / step + 1e-9) - first + 1;
    return [low, high, Array.from({length: count}, (_, i) => (first + i) * step)];
  };

  const curve = (found, relative, label) => {
    const height = 250, left = 44, right = 14, top = 14, bottom = 38;
    const [svg, width] = canvas("curve", height, label);
    const x = (a) => left + a / found.layers * (width - left - right);
    const near = [...Object.values(found.options), found.all[0]].map((cost) => relative(cost.objective));
    const [low, high, ticks] = axis(near), scale = (height - top - bottom) / (high - low);
    const y = (v) => height - bottom - (Math.min(v, 2 * high) - low) * scale;
    const clip = draw(draw(svg, "defs", {}), "clipPath", {id: "split-clip"});
    draw(clip, "rect", {x: 0, y: top, width, height: height - bottom - top});
    ticks.forEach((v) => {
      draw(svg, "line", {x1: left, x2: width - right, y1: y(v), y2: y(v), stroke: "var(--split-line)"});
      draw(svg, "text", {x: left - 8, y: y(v) + 4, "text-anchor": "end"}, "×" + number(v));
    });
    for (let a = 0; a <= found.layers; a += found.layers / 8) {
      draw(svg, "text", {x: x(a), y: height - bottom + 16, "text-anchor": "middle"}, a);
    }
    draw(svg, "text", {x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle"},
      "layers trained on the device, α");
    const plot = draw(svg, "g", {"clip-path": "url(#split-clip)"});
    for (const name of ["edge_only", "local_only"]) {
      const value = relative(found.options[name].objective);
      draw(plot, "line", {x1: left, x2: width - right, y1: y(value), y2: y(value),
        stroke: data.series[name].color, "stroke-width": 2, "stroke-dasharray": dashes[name]});
    }
    const color = data.series.split.color;
    draw(plot, "polyline", {fill: "none", stroke: color, "stroke-width": 2,
      points: found.all.map((cost) => x(cost.layers) + "," + y(relative(cost.objective))).join(" ")});
    found.all.forEach((cost) => marker(plot, "o", x(cost.layers), y(relative(cost.objective)), 3, color));
    for (const [name, cost] of Object.entries(found.options)) {
      const value = relative(cost.objective), series = data.series[name];
      if (value <= high) marker(svg, series.marker, x(cost.layers), y(value), 7, series.color);
    }
    const best = found.options.split.layers;
    draw(svg, "text", {x: Math.min(x(best) + 4, width - right), y: y(1) + 24, "font-weight": 700,
      "text-anchor": best > found.layers / 2 ? "end" : "start", stroke: "var(--split-paper)",
      "stroke-width": 4, "paint-order": "stroke"}, "α* = " + best);
    const keys = get("curve-keys");
    keys.replaceChildren();
    for (const [name, cost] of Object.entries(found.options)) {
      const item = keys.appendChild(document.createElement("li")), series = data.series[name];
      const sample = draw(item, "svg", {viewBox: "0 0 34 14", "aria-hidden": "true"});
      draw(sample, "line", {x1: 0, x2: 34, y1: 7, y2: 7, stroke: series.color, "stroke-width": 2,
        "stroke-dasharray": dashes[name]});
      marker(sample, series.marker, 17, 7, 5, series.color);
      item.append(titles[name] + " ×" + number(relative(cost.objective)));
    }
  };

  const bars = (found, relative, label) => {
    const row = 34, left = 74, right = 62, height = 3 * row + 22;
    const [svg, width] = canvas("bars", height, label);
    const fill = patterns(svg, "bars"), scale = (width - left - right) / highest;
    for (let v = 0; v <= highest; v += 1) {
      draw(svg, "line", {x1: left + v * scale, x2: left + v * scale, y1: 0, y2: 3 * row,
        stroke: "var(--split-line)"});
      draw(svg, "text", {x: left + v * scale, y: height - 4, "text-anchor": "middle"}, "×" + v);
    }
    Object.entries(found.options).forEach(([name, cost], i) => {
      const y = i * row + 4, total = relative(cost.objective);
      draw(svg, "text", {x: left - 6, y: y + 18, "text-anchor": "end"}, titles[name]);
      let start = 0;
      Object.keys(data.parts).forEach((part) => {
        const end = Math.min(start + relative(cost[part]), highest);
        if (end > start) {
          draw(svg, "rect", {x: left + start * scale, y, width: (end - start) * scale, height: row - 8,
            fill: fill(part), stroke: "var(--split-ink)", "stroke-width": .5});
        }
        start = end;
      });
      draw(svg, "text", {x: left + Math.min(total, highest) * scale + 5, y: y + 18},
        (total > highest ? "▸ " : "") + "×" + number(total));
    });
    const keys = get("bars-keys");
    keys.replaceChildren();
    Object.entries(data.parts).forEach(([name, part]) => {
      const item = keys.appendChild(document.createElement("li"));
      const sample = draw(item, "svg", {viewBox: "0 0 34 14", "aria-hidden": "true"});
      draw(sample, "rect", {x: 1, y: 1, width: 32, height: 12, fill: fill(name), stroke: "var(--split-ink)"});
      item.append(part.label);
    });
  };

  const at = ({track, ...places}) => {
    const values = Object.entries(places).map(([key, place]) => [key, data.sliders[key][place]]);
    return {track, ...Object.fromEntries(values)};
  };
  const started = () => data.presets[get("preset").value];

  const read = () => {
    const places = Object.keys(data.sliders).map((key) => [key, Number(get(key).value)]);
    const setting = at({track: get("track").value, ...Object.fromEntries(places)});
    Object.entries(data.units).forEach(([key, unit]) => {
      const text = number(setting[key]) + (unit && " " + unit);
      get(key + "-value").textContent = text;
      get(key).setAttribute("aria-valuetext", text);
    });
    return setting;
  };

  const show = () => {
    const setting = read(), unit = get("unit").value === "once" ? at(started()) : setting;
    const found = solve(setting, unit), {split, edge_only: edge, local_only: local} = found.options;
    const free = split.objective === 0, relative = (value) => value / split.objective;
    const cheapest = Object.entries(found.options).reduce((a, b) => b[1].objective < a[1].objective ? b : a)[0];
    const text = free ? "With all weights at 0 nothing costs anything, and every split is as good."
      : `The best split trains α* = ${split.layers} of ${found.layers} layers on the device. `
        + `Edge only costs ${number(relative(edge.objective))} times as much, local only `
        + (local.objective === Infinity ? "infinitely much (so is its stability bound). "
          : `${number(relative(local.objective))} times. `)
        + `Cheapest of the three: ${titles[cheapest]}.`;
    if (get("text").textContent !== text) get("text").textContent = text;
    get("table").replaceChildren(...Object.entries(found.options).map(([name, cost]) => {
      const line = document.createElement("tr");
      line.id = "split-row-" + name;
      if (name === cheapest && !free) line.className = "split-cheapest";
      const head = line.appendChild(document.createElement("th"));
      head.scope = "row";
      head.textContent = titles[name];
      for (const key of ["layers", "energy", "delay", "stability", "objective"]) {
        const cell = line.insertCell();
        cell.dataset.key = key;
        cell.dataset.value = String(cost[key]);
        cell.textContent = number(cost[key]);
      }
      return line;
    }));
    const {point, limits} = found, of = (value, most, unit, scale) =>
      `${number(value / scale)} of ${number(most / scale)} ${unit}`;
    get("chosen").textContent = "Chosen for it: power "
      + of(point[S.power], found.power_max, "W", 1) + ", device clock "
      + of(point[S.user_frequency], limits.user, "GHz", 1e9) + ", server clock "
      + of(point[S.server_frequency], limits.server, "GHz", 1e9) + "; bandwidth "
      + number(point[S.bandwidth] / 1e6) + " MHz.";
    const drawn = () => {
      document.querySelectorAll("#split figure").forEach((figure) => { figure.hidden = free; });
      if (free) return;
      curve(found, relative, "Objective against local layers, relative to the best split. " + text);
      bars(found, relative, "Stacked bars of what each way to train pays for. " + text);
    };
    drawn();
    return drawn;
  };

  let drawn = () => {};
  const update = () => { drawn = show(); };
  const start = () => {
    const {track, ...places} = started();
    get("track").value = track;
    Object.entries(places).forEach(([key, place]) => { get(key).value = place; });
    update();
  };
  get("preset").addEventListener("change", start);
  ["track", "unit"].forEach((name) => get(name).addEventListener("change", update));
  Object.keys(data.sliders).forEach((key) => get(key).addEventListener("input", update));
  new ResizeObserver(() => drawn()).observe(get("curve"));
  start();
})();

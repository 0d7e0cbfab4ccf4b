// On the search page: each result leads to the section that answers, and shows a line of it.
// The words of all sections are in sections.js, since a page on a disk cannot ask for another.
const WIDTH = 160;

// The section with most of the words, and among those the one that names them most densely.
function bestSection(sections, words) {
  let best = null;
  for (const [anchor, title, text] of sections) {
    const all = `${title} ${text}`.toLowerCase();
    const found = words.filter((word) => all.includes(word));
    const times = found.reduce((sum, word) => sum + all.split(word).length - 1, 0);
    const inTitle = words.filter((word) => title.toLowerCase().includes(word)).length;
    const score = found.length + inTitle / 2 + times / (times + 10);
    if (found.length && (!best || score > best.score)) best = { anchor, title, text, score };
  }
  return best;
}

// The stretch of the text around its first word of the search, with all of them marked.
function contextLine(text, words) {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const at = places.length ? Math.min(...places) : 0;
  const from = at > WIDTH / 3 ? text.indexOf(" ", at - WIDTH / 3) + 1 : 0;
  const to = from + WIDTH < text.length ? text.lastIndexOf(" ", from + WIDTH) : text.length;
  const line = document.createElement("p");
  line.className = "context";
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.slice(from, Math.max(to, at)).split(new RegExp(`(${escaped.join("|")})`, "i"));
  line.append(from ? "… " : "");
  parts.forEach((part, k) => {
    if (k % 2) line.append(Object.assign(document.createElement("mark"), { textContent: part }));
    else line.append(part);
  });
  line.append(to < text.length ? " …" : "");
  return line;
}

function improve(item, words) {
  const link = item.querySelector("a");
  if (!link || item.querySelector("p.context")) return;
  const [address, anchor] = link.getAttribute("href").split("#");
  const sections = window.sectionTexts[address.replace(/\.html$/, "")];
  const named = sections && anchor && sections.filter(([id]) => id === anchor);
  const best = sections && bestSection(named && named.length ? named : sections, words);
  if (!best) return;
  if (!anchor) {
    link.setAttribute("href", `${address}#${best.anchor}`);
    if (best.anchor !== sections[0][0]) link.append(` › ${best.title}`);
  }
  item.append(contextLine(best.text, words));
}

document.addEventListener("DOMContentLoaded", () => {
  const query = new URLSearchParams(window.location.search).get("q") || "";
  const words = [...new Set(query.toLowerCase().split(/[\s-]+/).filter(Boolean))];
  const results = document.querySelector("#search-results");
  if (!words.length || !results) return;
  const all = () => results.querySelectorAll("ul.search > li").forEach((li) => improve(li, words));
  new MutationObserver(all).observe(results, { childList: true, subtree: true });
  all();
});

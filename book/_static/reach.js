// Boxes that scroll are marked, and the keyboard reaches them. Which do is looked up when the window
// changes; a solution or a hidden cell that is opened changes that as well.
for (const event of ["toggle", "click"]) {
  document.addEventListener(event, () => window.dispatchEvent(new Event("resize")), true);
}

// All that may be wider than the page (book.css says what scrolls).
const WIDE = [
  "article pre",
  "article .cell_output .text_html",
  "article .pst-scrollable-table-container",
  "article figure",
  "article div.math",
  "article mjx-container[display='true']",
].join();

// Says on which sides a box goes on, for the cue that book.css gives it.
function markSides(box) {
  const rest = box.scrollWidth - box.clientWidth;
  const left = box.scrollLeft > 1;
  const right = box.scrollLeft < rest - 1;
  box.dataset.more = left && right ? "both" : left ? "left" : right ? "right" : "";
}

function markAll() {
  for (const box of document.querySelectorAll(WIDE)) {
    const wide = box.scrollWidth > box.clientWidth + 1;
    box.classList.toggle("goes-on", wide);
    box.tabIndex = wide ? 0 : -1;
    markSides(box);
  }
}

document.addEventListener("scroll", (event) => {
  if (event.target.classList?.contains("goes-on")) markSides(event.target);
}, true);
for (const event of ["load", "resize"]) window.addEventListener(event, markAll);
// Formulas get their width when MathJax has set them.
window.addEventListener("load", () => window.MathJax?.startup?.promise.then(markAll));

// The theme lets the keyboard reach boxes that scroll, and looks which do when the window changes.
// A solution or a hidden cell that is opened changes that as well.
for (const event of ["toggle", "click"]) {
  document.addEventListener(event, () => window.dispatchEvent(new Event("resize")), true);
}

// Pictures scroll on a phone (book.css), which the theme does not know.
function reachPictures() {
  for (const figure of document.querySelectorAll("article figure")) {
    figure.tabIndex = figure.scrollWidth > figure.clientWidth ? 0 : -1;
  }
}
window.addEventListener("load", reachPictures);
window.addEventListener("resize", reachPictures);

// The theme lets the keyboard reach boxes that scroll, and looks which do when the window changes.
// A solution or a hidden cell that is opened changes that as well.
for (const event of ["toggle", "click"]) {
  document.addEventListener(event, () => window.dispatchEvent(new Event("resize")), true);
}

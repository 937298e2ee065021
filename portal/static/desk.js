// Django's two lists name their magnifying glass for screen readers without saying what it is.
window.addEventListener("load", () => {
  for (const glass of document.querySelectorAll(".search-label-icon[aria-label]")) {
    glass.setAttribute("role", "img");
  }
});

// Django's two lists name their magnifying glass for screen readers without saying what it is.
window.addEventListener("load", () => {
  for (const glass of document.querySelectorAll(".search-label-icon[aria-label]")) {
    glass.setAttribute("role", "img");
  }
});

// An address that is registered elsewhere is copied by one click, where the browser allows it.
for (const address of document.querySelectorAll("code.copy")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = document.documentElement.lang.startsWith("da")
    ? "Kopiér"
    : document.documentElement.lang.startsWith("de")
      ? "Kopieren"
      : "Copy";
  button.addEventListener("click", () => navigator.clipboard.writeText(address.textContent));
  address.after(button);
}

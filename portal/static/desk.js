// Django's two lists name their magnifying glass for screen readers without saying what it is.
window.addEventListener("load", () => {
  for (const glass of document.querySelectorAll(".search-label-icon[aria-label]")) {
    glass.setAttribute("role", "img");
  }
});

// A picture alone tells how a list is sorted. Of several columns the first counts.
const sorted = [...document.querySelectorAll("#result_list th.sorted")];
const first = sorted.find((each) => (each.querySelector(".sortpriority")?.textContent ?? "1") === "1");
first?.setAttribute("aria-sort", first.classList.contains("ascending") ? "ascending" : "descending");

// An address that is registered elsewhere is copied by one click, where the browser allows it.
const words = { da: ["Kopiér", "Kopieret"], de: ["Kopieren", "Kopiert"] };
const [copy, copied] = words[document.documentElement.lang.slice(0, 2)] ?? ["Copy", "Copied"];
for (const address of document.querySelectorAll("code.copy")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button"), said = document.createElement("span");
  button.type = "button";
  button.className = "button";
  button.textContent = copy;
  button.setAttribute("aria-label", `${copy}: ${address.closest("div").querySelector("dt").textContent}`);
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    said.textContent = "";
    await navigator.clipboard.writeText(address.textContent);
    said.textContent = copied;
  });
  address.after(button, said);
}

// After a fault one is where the first of them stands, in whatever it is folded. Django puts the focus on
// the first field; our own pages say by `autofocus` where it goes.
window.addEventListener("load", () => {
  const fault = document.querySelector("#content form .errorlist");
  if (!fault || document.querySelector("#content [autofocus][role=alert]")) return;
  for (let each = fault.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
  fault.tabIndex = -1;
  fault.focus();
  const row = fault.closest(".form-row, td");
  row?.querySelector("[aria-invalid=true], input:not([type=hidden]), select, textarea")?.focus();
});

// A page that is loaded anew, as by Back, shows what is stored now. A browser would put back what its form
// held before, which undoes what others did meanwhile, and ticks by their number, which is another row's.
// Where something new is typed, nothing is stored yet, and it stays.
if (!/\/(add|invite)\/$/.test(location.pathname)) {
  for (const form of document.querySelectorAll("form[method=post]")) form.autocomplete = "off";
}

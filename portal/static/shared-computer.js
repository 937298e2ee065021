// At a shared computer the browser keeps no history of what was typed. Where the network is known the
// page says so by itself.
const box = document.getElementById("shared"), fact = document.getElementById("shared-fact");
const turn = () => {
  // A form of its own, such as a passkey's, says it as well.
  for (const form of document.querySelectorAll("main form.passkey")) {
    form.querySelector("[name=shared]")?.remove();
    if (box?.checked) form.insertAdjacentHTML("beforeend", '<input type="hidden" name="shared" value="1">');
  }
  for (const form of document.querySelectorAll("main form.form")) {
    for (const field of [form, ...form.querySelectorAll("input:not([type=hidden])")]) {
      field.dataset.kept ??= field.getAttribute("autocomplete") ?? "on";
      field.setAttribute("autocomplete", fact || box.checked ? "off" : field.dataset.kept);
    }
  }
};
if (box || fact) turn();
box?.addEventListener("change", turn);

// Sends a form once, however often its button is pressed while the answer is on the way: the browser
// drops the first answer, which alone says what was done. Without this everything works as well.
const PATIENCE = 10_000;
let sent = new WeakMap();

window.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  // What answers with a file leaves the page where it is, and may be asked for again.
  if (form.elements.action?.value === "export") return;
  if (Date.now() - sent.get(form) < PATIENCE) event.preventDefault();
  else sent.set(form, Date.now());
});
// A page that Back brings out of the browser's memory begins anew.
window.addEventListener("pageshow", () => { sent = new WeakMap(); });

// What a form was answered with has the address of that form: whoever loads it again, or comes back to
// it, sends nothing a second time, and no page of the browser asks whether to.
const again = document.querySelector("meta[name=again]")?.content;
if (again) history.replaceState(null, "", again);

// Counts down to the end of the session, and keeps what a form holds when it is near. Nothing is
// stored in the browser. Without this the sentence with the time stands, and the page goes by itself.
const bar = document.getElementById("session-end");
if (bar) {
  const SOON = 120, PATIENCE = 5, WAIT = 10, SHOWN = Date.now();
  const said = bar.querySelector("[role=status]"), link = bar.querySelector("a"), count = bar.querySelector(".count"), at = bar.querySelector(".at");
  const stays = link.textContent, shared = bar.classList.contains("shared");
  let end = Date.now() + bar.dataset.left * 1000, state = "", asking = null, askedAt = 0;

  const left = () => Math.round((end - Date.now()) / 1000);
  const say = (word, text) => {
    if (state === word) return;
    state = word;
    said.textContent = text;
    bar.classList.toggle("near", Boolean(text));
    if (!shared) {  // a landmark, while there is something in it
      for (const [name, value] of [["role", "region"], ["aria-label", bar.dataset.name]]) {
        if (text) bar.setAttribute(name, value);
        else bar.removeAttribute(name);
      }
    }
    link.textContent = word === "over" ? bar.dataset.again : stays;
    link.hidden = !(shared || text) || word === "latest";
  };
  const learn = async (answer) => {
    if (!answer.ok) throw new Error(answer.status);
    const told = await answer.json(), token = answer.headers.get("X-CSRFToken");
    const other = told.who && told.who !== bar.dataset.who;
    if (other || (shared && told.left === null)) {
      // The same address with a # would only be scrolled to.
      if (other) location.reload();
      else location.replace("/auth/logout/idle");
      return;
    }
    end = Date.now() + (told.left || 0) * 1000;
    if (at && told.at) at.textContent = told.at;
    if (told.left && token) {  // a sign-in in another tab has turned it
      for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
    }
  };
  const fetched = async (path) => {
    askedAt = Date.now();
    try {
      const told = {headers: {Accept: "application/json"}, redirect: "error", signal: AbortSignal.timeout(WAIT * 1000)};
      await learn(await fetch(path, told));
      return true;
    } catch {
      return false;  // no answer, or one of trouble: what is known stands
    } finally {
      asking = null;
    }
  };
  // Tells whether something was learned.
  const ask = async (path) => {
    if (asking) return false;
    asking = fetched(path);
    return asking;
  };
  const show = () => {
    const seconds = left();
    if (count) count.textContent = `(${Math.max(0, Math.floor(seconds / 60))}:${String(Math.max(0, seconds) % 60).padStart(2, "0")})`;
    if (seconds > SOON) say("", "");
    else if (seconds > 0) say(state === "latest" ? "latest" : "soon", bar.dataset[state === "latest" ? "latest" : "soon"]);
    else if (!shared) say("over", bar.dataset.over);
  };
  const tick = async () => {
    const seconds = left();
    // Another window may have used the session: this one asks when the end seems near, and at the end.
    const due = state === "" ? seconds <= SOON : seconds <= 0 && state !== "over";
    if (due && Date.now() - askedAt > PATIENCE * 1000) await ask("/auth/ends");
    if (shared && left() <= 0) location.replace("/auth/logout/idle");
    show();
  };
  link.addEventListener("click", async (event) => {
    if (state === "over") return;  // in a new tab, so that this page stays as it is
    event.preventDefault();
    const learned = await ask("/account/stay");
    show();
    if (learned && left() <= SOON && state === "soon") say("latest", bar.dataset.latest);
  });
  // Another tab may have signed out or in meanwhile: who comes back reads it before a form is sent.
  addEventListener("focus", async () => {
    if (state === "" && Date.now() - (askedAt || SHOWN) < PATIENCE * 1000) return;
    await ask("/auth/ends");
    show();
  });
  // The click that brings a page back may be the one that sends its form, whose token is under way.
  addEventListener("submit", async (event) => {
    if (!asking) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    await asking;
    event.target.requestSubmit(event.submitter);
  }, true);
  // A page that Back brings out of the browser's memory may show somebody who has left.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  show();
  setInterval(tick, 1000);
}

// Adds passkeys to an account, and signs in by them (WebAuthn). Without this the password way is
// whole: the forms here stay hidden, and so they do on any host but the site's own.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

// What the form with the password would take along goes with a passkey too: what is hidden or ticked.
const carry = (form) => {
  const password = form.dataset.beside && document.querySelector(form.dataset.beside);
  for (const each of password ? password.elements : []) {
    const counts = each.type === "hidden" || (each.type === "checkbox" && each.checked);
    if (!counts || !each.name || form.elements[each.name]) continue;
    const own = document.createElement("input");
    own.type = "hidden";
    [own.name, own.value] = [each.name, each.value];
    form.append(own);
  }
};

const send = (form, made) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  if (made.response.getTransports) response.transports = made.response.getTransports();
  carry(form);
  form.elements.credential.value = JSON.stringify({ id: made.id, rawId: made.id, type: made.type, response });
  form.submit();
};

// Runs when the button is pressed: `ask` returns the credential, or raises why there is none.
const offer = (form, ask) => {
  const said = document.createElement("p"), button = form.querySelector("button");
  said.className = "trouble";
  said.setAttribute("role", "alert");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.remove();
    button.disabled = true;
    try {
      send(form, await ask());
    } catch (error) {
      said.textContent = (error.name === "InvalidStateError" && form.dataset.known) || form.dataset.failed;
      form.append(said);
      button.disabled = false;
      // What is disabled loses the focus.
      if (document.activeElement === document.body) button.focus();
    }
  });
  form.hidden = false;
};

// Says which passkeys count, so that none is offered any more that was removed here.
const tell = ({ rp, user, excludeCredentials: known }) =>
  PublicKeyCredential.signalAllAcceptedCredentials?.({
    rpId: rp.id,
    userId: user.id,
    allAcceptedCredentialIds: known.map((each) => each.id),
  }).catch(() => {});

const make = (form) => {
  form.previousElementSibling.hidden = true; // which says that this cannot be done
  tell(JSON.parse(form.dataset.options));
  offer(form, () => {
    const options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    for (const known of options.excludeCredentials) known.id = bytes(known.id);
    return navigator.credentials.create({ publicKey: options });
  });
};

const use = (form) => {
  let waiting = null;
  // A sign-in in another tab has turned the token of this page's forms: they take the new one.
  const renewed = async () => {
    const told = await fetch("/auth/ends", { headers: { Accept: "application/json" } });
    const token = told.headers.get("X-CSRFToken");
    for (const field of token ? document.getElementsByName("csrfmiddlewaretoken") : []) field.value = token;
    return Boolean(token);
  };
  const asked = async (again = false) => {
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    const answer = await fetch(form.dataset.options, { method: "POST", body });
    if (answer.status === 403 && !again && await renewed()) return asked(true);
    if (!answer.ok) throw new Error(answer.status);
    const options = await answer.json();
    return { ...options, challenge: bytes(options.challenge) };
  };
  // The browser offers passkeys where the username is typed. A challenge is renewed before it ends.
  const autofill = async () => {
    const own = new AbortController();
    waiting = own;
    try {
      const publicKey = await asked();
      const renew = setTimeout(() => own.abort("renew"), publicKey.timeout * 0.8);
      own.signal.addEventListener("abort", () => clearTimeout(renew));
      send(form, await navigator.credentials.get({ publicKey, mediation: "conditional", signal: own.signal }));
    } catch {
      if (own.signal.reason === "renew") autofill();
    }
  };
  const start = async () => {
    if (await PublicKeyCredential.isConditionalMediationAvailable?.()) autofill();
  };
  offer(form, async () => {
    waiting?.abort("pressed");
    try {
      return await navigator.credentials.get({ publicKey: await asked() });
    } catch (error) {
      start();
      throw error;
    }
  });
  start();
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (window.PublicKeyCredential && location.origin === form.dataset.origin) {
    (form.dataset.passkey === "make" ? make : use)(form);
  }
}

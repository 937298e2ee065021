// A single-page application signs people in by a code with PKCE. It keeps its tokens in memory alone:
// a reload asks the site again, which knows the person (`prompt=none` would ask without a page).
function signIn(site, clientId, redirectUri = location.origin + location.pathname) {
  const encoded = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const random = () => encoded(crypto.getRandomValues(new Uint8Array(32)));
  async function start(scope = "openid profile") {
    const known = { state: random(), verifier: random() };
    sessionStorage.setItem("signing-in", JSON.stringify(known));
    const hashed = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(known.verifier));
    location.assign(`${site}/oauth/authorize?` + new URLSearchParams({
      response_type: "code", client_id: clientId, redirect_uri: redirectUri, scope,
      state: known.state, code_challenge: encoded(hashed), code_challenge_method: "S256",
    }));
  }
  async function finish() {
    const answer = new URLSearchParams(location.search);
    const known = JSON.parse(sessionStorage.getItem("signing-in"));
    if (!answer.has("state") || !known) return null;
    sessionStorage.removeItem("signing-in");
    history.replaceState(null, "", redirectUri);
    if (answer.get("state") !== known.state || answer.get("iss") !== site) throw new Error("not ours");
    if (answer.has("error")) throw new Error(answer.get("error"));
    const form = new URLSearchParams({
      grant_type: "authorization_code", client_id: clientId, redirect_uri: redirectUri,
      code: answer.get("code"), code_verifier: known.verifier,
    });
    const response = await fetch(`${site}/oauth/token`, { method: "POST", body: form });
    const tokens = await response.json();
    if (!response.ok) throw new Error(tokens.error_description);
    return tokens;
  }
  async function person(tokens) {
    const headers = { Authorization: `Bearer ${tokens.access_token}` };
    return (await fetch(`${site}/oauth/userinfo`, { headers })).json();
  }
  return { start, finish, person };
}

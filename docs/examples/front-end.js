// A front end's way in, on and out. `dispatch(type, payload)` is yours.
function vestibule(dispatch, base = "") {
  let pair = JSON.parse(sessionStorage.getItem("pair")), timer, running;
  const cookie = (name) => document.cookie.match(`(?:^|; )${name}=([^;]+)`)?.[1];
  async function call(method, path, json, more) {
    const headers = { Accept: "application/json", ...more, ...(json && { "Content-Type": "application/json" }) };
    if (pair) headers.Authorization = `Bearer ${pair.access_token}`;
    const answer = await fetch(base + path, { method, headers, body: json && JSON.stringify(json) });
    const body = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(body.error_description), body, { status: answer.status });
    return body;
  }
  function keep(next, seconds = next?.expires_in * 0.8) {
    clearTimeout(timer);
    sessionStorage.setItem("pair", JSON.stringify(pair = next && { name: pair?.name, ...next }));
    if (pair) timer = setTimeout(refresh, seconds * 1000);
  }
  async function enter(next) {
    keep(next);
    const { User } = await call("GET", "/users/user/details?includeattributes=true");
    keep({ ...pair, name: User.name }); dispatch("LOGIN_SUCCESS", User);
  }
  const leave = (reason) => { keep(null); dispatch("LOGOUT", reason); };
  const refresh = () => running ??= renew().finally(() => { running = null; }); // one at a time
  const renew = () => call("POST", "/session/refresh", { refresh_token: pair.refresh_token })
    .then((next) => { keep(next); dispatch("REFRESH_SUCCESS", pair.expires_in); })
    .catch((error) => { error.status === 401 ? leave(error) : keep(pair, 5); }); // down: try again
  const end = (more) => call("DELETE", "/session/logout", undefined, more);
  const endHere = async (name, there) => (await there.json()).user?.username === name // by the cookie, if it is theirs
    && end({ "X-CSRFToken": there.headers.get("X-CSRFToken") });
  const endAnew = (name) => refresh().then(() => pair ? end() : fetch(`${base}/auth/session`).then((there) => endHere(name, there)));
  const fetched = async () => cookie("tokens_key") && call("POST", `/openid/${encodeURIComponent(cookie("authProvider"))}/tokens`,
    { identifier: cookie("tokens_key") }).catch((error) => { if (error.status !== 404) throw error; }); // spent, or a neighbour's
  return { call, refresh,
    login: (username, password) => call("POST", "/session/login", { username, password }).then(enter),
    handOver: (provider) => location.assign(`${base}/openid/${provider}/login`),
    resume: () => fetched().then((next) => next ? enter(next) : pair && refresh().then(() => pair && enter(pair))), // back, or reloaded
    logout: (name = pair?.name) => end().catch((error) => error.status === 401 ? endAnew(name) : error) // once more
      .catch((error) => error).then((body) => { pair && leave(body); body?.logoutUrl && location.assign(body.logoutUrl); }) };
}

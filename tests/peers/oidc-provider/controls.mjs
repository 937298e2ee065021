// What a test may do that no client may: POST /_test/rotate-keys, /ttl, /trouble, /backchannel,
// /drop-sessions, /revoke, /rotation, /clean; GET /_test/events, /requests, /sessions; DELETE /_test/events, /requests.
import { behaviour, current, issuer, noted, note, rotate, ttl } from './provider.mjs';
import { posted } from './pages.mjs';
import { dropSessions, signedIn } from './store.mjs';

const troubles = new Map(); // the beginning of a path -> { kind, left }
const requests = []; // what the portal and its people asked for
const connections = new WeakMap();
const hanging = new Set(); // the connections of those who wait for an answer in vain
let seen = 0;

/** Count a request and answer it in the provider's place when a test wants trouble there. */
export async function troubled(req, res, path) {
  if (!connections.has(req.socket)) { seen += 1; connections.set(req.socket, seen); }
  const { authorization = '' } = req.headers;
  requests.push({ method: req.method, path, connection: connections.get(req.socket), scheme: authorization.split(' ')[0] });
  const [at, trouble] = [...troubles].find(([start]) => path.startsWith(start)) || [];
  if (!trouble) return false;
  trouble.left -= 1;
  if (trouble.left === 0) troubles.delete(at);
  const say = (status, type, text) => { res.writeHead(status, { 'content-type': type }); res.end(text); };
  switch (trouble.kind) {
    case 'hang': hanging.add(req.socket); return true; // until the caller gives up, or all trouble ends
    case 'slow': await new Promise((done) => { setTimeout(done, 1_500); }); return false;
    case 'drip': {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': 10_000 });
      const drops = setInterval(() => res.write(' '), 20);
      res.on('close', () => clearInterval(drops));
      return true;
    }
    case 'garbage': req.socket.end('SSH-2.0-nothing\r\n'); return true;
    case 'drop': req.socket.destroy(); return true;
    case 'html': say(200, 'text/html', '<h1>Down for maintenance</h1>'); return true;
    case 'stale': say(200, 'application/json', trouble.text); return true;
    case 'empty': say(200, 'application/json', '{}'); return true;
    case 'list': say(200, 'application/json', '[1, 2]'); return true;
    case 'redirect': res.writeHead(302, { location: 'http://127.0.0.1:1/' }); res.end(); return true;
    case 'huge': say(200, 'application/json', `{"keys": "${'x'.repeat(5_000_000)}"}`); return true;
    default: say(Number(trouble.kind), 'application/json', '{"error": "server_error"}'); return true;
  }
}

function heal() {
  troubles.clear();
  for (const socket of hanging) socket.destroy();
  hanging.clear();
}

async function trouble(form) {
  const [path, kind] = [form.get('path'), form.get('kind')];
  const text = kind === 'stale' ? await (await fetch(`${issuer}${path}`)).text() : '';
  if (path) troubles.set(path, { kind, text, left: Number(form.get('times') || Infinity) });
  else heal();
  return [...troubles.keys()];
}

async function backchannel(form) {
  const client = await current.provider.Client.find(form.get('client_id'));
  try {
    await client.backchannelLogout(form.get('sub'), form.get('sid') || undefined);
  } catch (error) {
    return { sent: false, error: String(error.cause || error) };
  }
  return { sent: true };
}

function lives(form) {
  for (const [name, seconds] of form) ttl[name] = Number(seconds);
  return ttl;
}

/** Withdraw all that was granted together with a refresh token. */
async function revoke(form) {
  const { provider } = current;
  const token = await provider.RefreshToken.find(form.get('token'), { ignoreExpiration: true });
  await Promise.all(['AccessToken', 'RefreshToken'].map((kind) => provider[kind].revokeByGrantId(token.grantId)));
  return { revoked: true };
}

function rotation(form) {
  behaviour.rotates = form.get('on') === '1';
  return behaviour;
}

/** Forget troubles, lives, sessions and what was asked, for the next test. */
function cleaned() {
  heal();
  behaviour.rotates = true;
  Object.assign(ttl, { access_token: 300, id_token: 300, refresh_token: 86400 });
  noted().length = 0;
  requests.length = 0;
  return dropSessions();
}

function rotated(form) {
  const kids = rotate(form.get('drop') === '1');
  note('keys.rotated', { kids });
  return kids;
}

const CONTROLS = {
  'POST /_test/rotate-keys': rotated,
  'POST /_test/ttl': lives,
  'POST /_test/trouble': trouble,
  'POST /_test/backchannel': backchannel,
  'POST /_test/drop-sessions': dropSessions,
  'POST /_test/revoke': revoke,
  'POST /_test/rotation': rotation,
  'POST /_test/clean': cleaned,
  'GET /_test/events': noted,
  'DELETE /_test/events': () => { noted().length = 0; return noted(); },
  'GET /_test/sessions': signedIn,
  'GET /_test/requests': () => requests,
  'DELETE /_test/requests': () => { requests.length = 0; return requests; },
};

/** Answer a test. */
export async function control(req, res, path) {
  const known = CONTROLS[`${req.method} ${path}`];
  const said = known ? await known(await posted(req)) : { error: 'no such control' };
  res.writeHead(known ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
  res.end(JSON.stringify(said));
}

// A certified OpenID provider (npm oidc-provider) as a peer for the tests. Keeps nothing on disk.
import * as http from 'node:http';
import * as https from 'node:https';
import { control, troubled } from './controls.mjs';
import { interaction } from './pages.mjs';
import { current, issuer, note, port, prefix, tls } from './provider.mjs';

const INTERACTION = /^\/interaction\/([^/]+)(?:\/(login|confirm|abort))?$/;

async function answer(req, res) {
  const { pathname } = new URL(req.url, issuer);
  if (pathname.startsWith('/_test/')) return control(req, res, pathname);
  if (!pathname.startsWith(prefix)) { res.writeHead(404); return res.end(); }
  const path = pathname.slice(prefix.length);
  if (await troubled(req, res, path)) return undefined;
  const [, uid, action] = path.match(INTERACTION) || [];
  if (uid) return interaction(req, res, uid, action);
  if (prefix) {
    req.originalUrl = req.url; // from which the library learns where it is mounted
    req.url = req.url.slice(prefix.length) || '/';
  }
  return current.answer(req, res);
}

async function listener(req, res) {
  try {
    await answer(req, res);
  } catch (error) {
    note('peer.error', { error: String(error.error || error) });
    if (!res.headersSent) res.writeHead(error.statusCode || 500, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ error: String(error.error || error) }));
  }
}

const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
server.keepAliveTimeout = 60_000;
server.listen(port, '127.0.0.1', () => console.log(`ready: ${issuer}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));

// A site on a server signs people in by npm's openid-client: `/login` there, `/callback` back, `/` tells
// who it is. SITE, CLIENT_ID, CLIENT_SECRET, PORT. Its session is a Map, which yours is not.
import * as http from 'node:http';
import { randomUUID } from 'node:crypto';
import * as oidc from 'openid-client';

const { SITE, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const HERE = `http://127.0.0.1:${PORT}`;
const plain = SITE.startsWith('http:') ? { execute: [oidc.allowInsecureRequests] } : undefined;
const proof = oidc.ClientSecretBasic(CLIENT_SECRET);
const config = await oidc.discovery(new URL(SITE), CLIENT_ID, undefined, proof, plain);
const sessions = new Map();

async function answer(request, response) {
  const id = /(?:^|; )id=([\w-]+)/.exec(request.headers.cookie)?.[1];
  const url = new URL(request.url, HERE);
  if (url.pathname === '/login') {
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const fresh = randomUUID();
    sessions.set(fresh, { verifier, state });
    const there = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${HERE}/callback`, scope: 'openid profile', state,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    });
    const cookie = `id=${fresh}; HttpOnly; SameSite=Lax; Path=/`;
    response.writeHead(302, { Location: String(there), 'Set-Cookie': cookie });
  } else if (url.pathname === '/callback') {
    const { verifier, state } = sessions.get(id) ?? {};
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    const tokens = await oidc.authorizationCodeGrant(config, url, checks);
    const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    sessions.set(id, { person });
    response.writeHead(302, { Location: '/' });
  } else {
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.write(`You are ${sessions.get(id)?.person?.name ?? 'nobody'}`);
  }
  response.end();
}

http.createServer((request, response) => answer(request, response).catch(() => {
  response.writeHead(400);
  response.end('The sign-in did not work.');
})).listen(Number(PORT), '127.0.0.1', () => console.log(`Open ${HERE}/login`));

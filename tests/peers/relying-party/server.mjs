// A small site on the certified library openid-client, whose session is a sealed cookie (iron-session).
// GET /login -> the provider -> GET /callback -> /; GET / tells who is signed in.
// RP_PORT, RP_ISSUER, RP_CLIENT_ID, RP_CLIENT_SECRET.
import './web-crypto.mjs';
import * as http from 'node:http';
import { getIronSession } from 'iron-session';
import * as oidc from 'openid-client';

const { RP_PORT, RP_ISSUER, RP_CLIENT_ID, RP_CLIENT_SECRET } = process.env;
const SELF = `http://127.0.0.1:${RP_PORT}`;
const SCOPE = 'openid profile email';
const SEALED = { password: 'a password of the bench that is long enough', cookieOptions: { secure: false } };
const IN_FLIGHT = { ...SEALED, cookieName: 'in-flight', ttl: 600 };
const PERSON = { ...SEALED, cookieName: 'person', ttl: 8 * 3600 };

// Discovery and keys are kept for the life of the process; every id_token's signature is verified.
const config = await oidc.discovery(
  new URL(RP_ISSUER), RP_CLIENT_ID, undefined, oidc.ClientSecretBasic(RP_CLIENT_SECRET),
  { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
);

const go = (response, url) => {
  response.writeHead(302, { location: String(url) });
  response.end();
};

async function login(request, response) {
  const inFlight = await getIronSession(request, response, IN_FLIGHT);
  inFlight.pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  inFlight.expectedState = oidc.randomState();
  inFlight.expectedNonce = oidc.randomNonce();
  await inFlight.save();
  go(response, oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${SELF}/callback`,
    scope: SCOPE,
    state: inFlight.expectedState,
    nonce: inFlight.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(inFlight.pkceCodeVerifier),
    code_challenge_method: 'S256',
  }));
}

async function callback(request, response, url) {
  const inFlight = await getIronSession(request, response, IN_FLIGHT);
  const { pkceCodeVerifier, expectedState, expectedNonce } = inFlight;
  const tokens = await oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier, expectedState, expectedNonce });
  const { sub } = tokens.claims();
  const { name, email } = await oidc.fetchUserInfo(config, tokens.access_token, sub);
  const person = await getIronSession(request, response, PERSON);
  Object.assign(person, { sub, name, email, accessToken: tokens.access_token });
  await person.save();
  inFlight.destroy();
  go(response, '/');
}

async function who(request, response) {
  const { sub, name } = await getIronSession(request, response, PERSON);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ isLoggedIn: Boolean(sub), name }));
}

const routes = { '/login': login, '/callback': callback, '/': who };
http.createServer(async (request, response) => {
  const url = new URL(request.url, SELF);
  try {
    await routes[url.pathname](request, response, url);
  } catch (error) {
    response.writeHead(502, { 'content-type': 'text/plain' });
    response.end(String(error));
  }
}).listen(Number(RP_PORT), '127.0.0.1');

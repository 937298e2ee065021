// An application on the certified library openid-client, driven over its standard streams: it says
// one JSON object a line, and reads the address at which its person has landed.
// APP_ISSUER, APP_WAY (code, par, key, public, device), APP_CLIENT_ID, APP_SECRET, APP_KEY, APP_CALLBACK.
import './web-crypto.mjs';
import * as readline from 'node:readline';
import * as oidc from 'openid-client';

const { APP_ISSUER, APP_WAY, APP_CLIENT_ID, APP_SECRET, APP_KEY, APP_CALLBACK } = process.env;
const say = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const heard = async () => (await lines.next()).value;

async function proof() {
  if (APP_WAY === 'key') {
    const jwk = JSON.parse(APP_KEY);
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
    return oidc.PrivateKeyJwt({ key, kid: jwk.kid });
  }
  return APP_SECRET ? oidc.ClientSecretBasic(APP_SECRET) : oidc.None();
}

const config = await oidc.discovery(new URL(APP_ISSUER), APP_CLIENT_ID, undefined, await proof(), {
  execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
});

async function byDevice() {
  const asked = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });
  say({ visit: asked.verification_uri_complete, code: asked.user_code });
  return oidc.pollDeviceAuthorizationGrant(config, asked);
}

async function byCode() {
  const verifier = oidc.randomPKCECodeVerifier();
  const asked = {
    redirect_uri: APP_CALLBACK,
    scope: 'openid profile email offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
  };
  const url = APP_WAY === 'par'
    ? await oidc.buildAuthorizationUrlWithPAR(config, asked)
    : oidc.buildAuthorizationUrl(config, asked);
  say({ visit: String(url) });
  const expected = { expectedState: asked.state, expectedNonce: asked.nonce };
  const checks = { pkceCodeVerifier: verifier, ...expected, idTokenExpected: true };
  return oidc.authorizationCodeGrant(config, new URL(await heard()), checks);
}

const tokens = await (APP_WAY === 'device' ? byDevice() : byCode());
const claims = tokens.claims();
const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
const later = await oidc.refreshTokenGrant(config, tokens.refresh_token);
const told = { claims, person, renewed: later.access_token !== tokens.access_token };
if (APP_SECRET || APP_KEY) told.introspected = await oidc.tokenIntrospection(config, later.access_token);
await oidc.tokenRevocation(config, later.refresh_token);
if (APP_SECRET || APP_KEY) told.revoked = await oidc.tokenIntrospection(config, later.access_token);
told.logout = String(oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }));
say(told);
process.exit(0);

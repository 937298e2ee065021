// The same on the library below it, oauth4webapi, step by step: a second reading of the same answers.
// APP_ISSUER, APP_CLIENT_ID, APP_CALLBACK.
import './web-crypto.mjs';
import * as readline from 'node:readline';
import * as oauth from 'oauth4webapi';

const { APP_ISSUER, APP_CLIENT_ID, APP_CALLBACK } = process.env;
const say = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const plain = { [oauth.allowInsecureRequests]: true };

const issuer = new URL(APP_ISSUER);
const found = await oauth.discoveryRequest(issuer, { ...plain, algorithm: 'oauth2' });
const as = await oauth.processDiscoveryResponse(issuer, found);
const client = { client_id: APP_CLIENT_ID };
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const url = new URL(as.authorization_endpoint);
const asked = {
  client_id: APP_CLIENT_ID, redirect_uri: APP_CALLBACK, response_type: 'code', scope: 'openid email',
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  state, nonce, max_age: '600',
};
for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
say({ visit: String(url) });
const landed = new URL((await lines.next()).value);
const answer = oauth.validateAuthResponse(as, client, landed, state);
const response = await oauth.authorizationCodeGrantRequest(
  as, client, oauth.None(), answer, APP_CALLBACK, verifier, plain,
);
const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
  expectedNonce: nonce, maxAge: 600, requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(as, response, plain);
const claims = oauth.getValidatedIdTokenClaims(tokens);
const shown = await oauth.userInfoRequest(as, client, tokens.access_token, plain);
const person = await oauth.processUserInfoResponse(as, client, claims.sub, shown);
const again = await oauth.authorizationCodeGrantRequest(
  as, client, oauth.None(), answer, APP_CALLBACK, verifier, plain,
);
const refused = await again.json();
const dead = await oauth.userInfoRequest(as, client, tokens.access_token, plain);
say({ claims, person, refused: refused.error, dead: dead.status, challenge: dead.headers.get('www-authenticate') });
process.exit(0);

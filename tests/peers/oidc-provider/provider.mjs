// How the certified provider is configured, from the OP_* variables (../README.md).
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import Provider from 'oidc-provider';
import { claims, inToken, people } from './people.mjs';
import { Adapter, newKeys } from './store.mjs';

const env = process.env;
const list = (text) => (text || '').split(/[\s,]+/).filter(Boolean);
const flag = (name) => env[name] === '1';

export const tls = env.OP_TLS_CERT && { cert: fs.readFileSync(env.OP_TLS_CERT), key: fs.readFileSync(env.OP_TLS_KEY) };
export const port = Number(env.OP_PORT || 9000);
export const prefix = env.OP_ISSUER_PATH || ''; // such as /auth/realms/broker, as Keycloak has it
export const issuer = `http${tls ? 's' : ''}://${env.OP_HOST || '127.0.0.1'}:${port}${prefix}`;
export const password = env.OP_PASSWORD || 'password';
export const accounts = people(env.OP_ACCOUNTS);

// Seconds. Changed while running by POST /_test/ttl.
export const ttl = {
  access_token: Number(env.OP_ACCESS_TTL || 300),
  id_token: Number(env.OP_ID_TOKEN_TTL || 300),
  refresh_token: Number(env.OP_REFRESH_TTL || 86400),
};

// Changed while running by POST /_test/rotation: whether a refresh token can be used once only.
export const behaviour = { rotates: true };

const registered = {
  redirect_uris: list(env.OP_REDIRECT_URIS || 'http://localhost:8000/auth/callback/oidc'),
  post_logout_redirect_uris: list(env.OP_POST_LOGOUT_URIS || 'http://localhost:8000/auth/logout/done'),
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  id_token_signed_response_alg: env.OP_ID_TOKEN_ALG || 'RS256',
  ...(env.OP_USERINFO_ALG && { userinfo_signed_response_alg: env.OP_USERINFO_ALG }),
  ...(env.OP_BACKCHANNEL_URI && {
    backchannel_logout_uri: env.OP_BACKCHANNEL_URI,
    backchannel_logout_session_required: true,
  }),
};
const SECRET = 'portal-secret-0123456789abcdef0123456789';
const AWKWARD = 'sp ace+plus%25&=:/"0123456789abcdef'; // must be encoded before Basic (RFC 6749, 2.3.1)
const clients = [
  { ...registered, client_id: 'portal', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' },
  { ...registered, client_id: 'portal-post', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' },
  { ...registered, client_id: 'portal-public', token_endpoint_auth_method: 'none' },
  { ...registered, client_id: 'portal:awkward', client_secret: AWKWARD, token_endpoint_auth_method: 'client_secret_basic' },
];

async function grantFor(ctx) { // nobody is asked for consent with OP_AUTO_CONSENT=1
  const { provider, client, session, params, result } = ctx.oidc;
  const known = result?.consent?.grantId || session.grantIdFor(client.clientId);
  const found = known && await provider.Grant.find(known);
  if (found || !flag('OP_AUTO_CONSENT')) return found || undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

const configuration = {
  adapter: Adapter,
  clients,
  claims,
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  scopes: ['openid', 'offline_access'],
  acrValues: ['urn:test:loa:low', 'urn:test:loa:high'],
  conformIdTokenClaims: !flag('OP_ID_TOKEN_CLAIMS'), // 1: the claims of the scopes stand in id_tokens too
  findAccount: (ctx, sub) => accounts.has(sub)
    && { accountId: sub, claims: async () => ({ ...accounts.get(sub), amr: ['pwd'] }) },
  extraTokenClaims: (ctx, token) => (token.scopes?.has('unilogin') ? inToken(accounts.get(token.accountId)) : undefined),
  rotateRefreshToken: () => behaviour.rotates,
  issueRefreshToken: (ctx, client, code) => flag('OP_ALWAYS_REFRESH') || code.scopes.has('offline_access'),
  expiresWithSession: async () => false,
  loadExistingGrant: grantFor,
  pkce: { required: () => flag('OP_PKCE_REQUIRED') },
  interactions: { url: (ctx, interaction) => `${prefix}/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: true },
    introspection: { enabled: true },
    jwtUserinfo: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  ttl: {
    AccessToken: () => ttl.access_token,
    IdToken: () => ttl.id_token,
    RefreshToken: () => ttl.refresh_token,
    AuthorizationCode: 60,
    Grant: 86400,
    Interaction: 600,
    Session: 86400,
  },
  renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
};

const TOLD = ['authorization', 'grant', 'userinfo', 'introspection', 'revocation', 'end_session', 'server'];
const events = [];

/** Remember something for GET /_test/events. */
export function note(type, more) { events.push({ type, ...more }); }

/** Return what was noted. */
export const noted = () => events;

function build() {
  const provider = new Provider(issuer, { ...configuration, jwks: { keys } });
  for (const each of TOLD) {
    const name = each === 'server' ? 'server_error' : `${each}.error`;
    provider.on(name, (ctx, error) => note(name, { error: error.error || error.message, description: error.error_description }));
  }
  provider.on('backchannel.success', (ctx, client, sub, sid) => note('backchannel.success', { sub, sid }));
  provider.on('backchannel.error', (ctx, error, client, sub, sid) => note('backchannel.error', { sub, sid, error: String(error) }));
  return { provider, answer: provider.callback() };
}

let keys = newKeys();
export let current = build();

/** Sign with new keys from now on. `drop` takes the old ones out of the published set. */
export function rotate(drop) {
  keys = drop ? newKeys() : [...newKeys(), ...keys];
  current = build();
  return keys.map((key) => key.kid);
}

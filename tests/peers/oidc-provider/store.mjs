// What the provider keeps, in memory, and its keys. Both outlive a rotation, which makes a new
// Provider: that is the only way by which the library takes new keys.
import * as crypto from 'node:crypto';

const kept = new Map();

export class Adapter {
  constructor(model) { this.model = model; }

  async upsert(id, payload, expiresIn) {
    const expires = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    kept.set(`${this.model}:${id}`, { payload, expires });
    if (this.model === 'Session') kept.set(`uid:${payload.uid}`, { payload: id, expires });
  }

  async find(id) { return read(`${this.model}:${id}`); }

  async findByUid(uid) { return this.find(read(`uid:${uid}`)); }

  async findByUserCode() { return undefined; } // the device grant is off

  async consume(id) {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) { kept.delete(`${this.model}:${id}`); }

  async revokeByGrantId(grantId) {
    for (const [key, { payload }] of kept) {
      if (payload?.grantId === grantId && !key.startsWith('Session:')) kept.delete(key);
    }
  }
}

function read(key) {
  const entry = kept.get(key);
  if (entry && entry.expires <= Date.now()) kept.delete(key);
  return kept.get(key)?.payload;
}

/** Forget who is signed in here. Returns how many were. */
export function dropSessions() {
  const found = [...kept.keys()].filter((key) => /^(Session|uid):/.test(key));
  found.forEach((key) => kept.delete(key));
  return found.filter((key) => key.startsWith('Session:')).length;
}

/** Tell who is signed in here: subjects. */
export function signedIn() {
  return [...kept].filter(([key]) => key.startsWith('Session:')).map(([, { payload }]) => payload.accountId);
}

let generation = 0;

/** Return a new private key of each kind, in JWK. */
export function newKeys() {
  generation += 1;
  // By PEM: Node 20 stops for ever when it collects the garbage of the generation while it exports
  // the very object that was generated, since both lock the same key.
  const publicKeyEncoding = { type: 'spki', format: 'pem' };
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const key = (alg, type, options) => {
    const made = crypto.generateKeyPairSync(type, { ...options, publicKeyEncoding, privateKeyEncoding });
    const jwk = crypto.createPrivateKey(made.privateKey).export({ format: 'jwk' });
    return { ...jwk, use: 'sig', alg, kid: `${alg}-${generation}` };
  };
  return [
    key('RS256', 'rsa', { modulusLength: 2048 }),
    key('ES256', 'ec', { namedCurve: 'P-256' }),
    key('EdDSA', 'ed25519', {}),
  ];
}

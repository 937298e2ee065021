// Node 18 has Web Crypto, but not where newer ones have it. Imported before everything that needs it.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

// What a person sees here: who are you, and may the portal know. Plain forms, no script.
import { accounts, current, password, prefix } from './provider.mjs';

const escaped = (text) => String(text ?? '').replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const button = (at, label, inner = '') => `<form method="post" action="${at}">${inner}<button>${label}</button></form>`;

function page(res, status, title, body) {
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  res.end(`<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${body}</html>`);
}

/** Return the form that a request carries. */
export async function posted(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return new URLSearchParams(Buffer.concat(pieces).toString());
}

function ask(res, at, { prompt, params }) {
  const cancel = button(`${at}/abort`, 'Cancel');
  if (prompt.name === 'login') {
    const fields = `<label>User <input name="login" value="${escaped(params.login_hint)}"></label>
      <label>Password <input name="password" type="password"></label>`;
    return page(res, 200, 'Log in', button(`${at}/login`, 'Log in', fields) + cancel);
  }
  return page(res, 200, 'Consent', button(`${at}/confirm`, 'Allow') + cancel);
}

async function consent({ provider }, { grantId, params, prompt, session }) {
  const fresh = { accountId: session.accountId, clientId: params.client_id };
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant(fresh);
  const { missingOIDCScope, missingOIDCClaims } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  return { consent: { grantId: await grant.save() } };
}

/** Answer /interaction/UID and what is posted to its /login, /confirm and /abort. */
export async function interaction(req, res, uid, action) {
  const at = `${prefix}/interaction/${uid}`;
  const details = await current.provider.interactionDetails(req, res);
  if (req.method === 'GET') return ask(res, at, details);
  const finish = (result, merge = false) => current.provider
    .interactionFinished(req, res, result, { mergeWithLastSubmission: merge });
  if (action === 'abort') return finish({ error: 'access_denied', error_description: 'The person said no.' });
  if (action === 'confirm') return finish(await consent(current, details), true);
  const form = await posted(req);
  if (!accounts.has(form.get('login')) || form.get('password') !== password) {
    return page(res, 403, 'Wrong user or password', `<a href="${at}">Again</a>`);
  }
  const acr = form.get('acr') || String(details.params.acr_values || 'urn:test:loa:low').split(' ')[0];
  return finish({ login: { accountId: form.get('login'), acr, amr: ['pwd'] } });
}

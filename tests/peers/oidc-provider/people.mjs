// The people of the peer. All have the same password; what the portal learns of each is here.
import * as fs from 'node:fs';

const UNILOGIN = ['uniid', 'institution_ids', 'aktoer_gruppe', 'has_license', 'loa'];

const pupil = (number, role, institutions, license) => ({
  uniid: `testuni${number}`,
  institution_ids: `[${institutions.join(', ')}]`, // as text, which is how Keycloak tells a list
  aktoer_gruppe: role,
  has_license: String(license),
  loa: '2',
});

const person = (sub, given, family, groups, more, verified = true) => ({
  sub,
  name: `${given} ${family}`,
  given_name: given,
  family_name: family,
  preferred_username: sub,
  email: `${sub}@example.org`,
  email_verified: verified,
  locale: 'da-DK',
  groups,
  realm_access: { roles: groups.map((group) => `portal-${group}`) },
  ...more,
});

const known = [
  person('alice', 'Alice', 'Ærø', ['staff', 'admins'], pupil(1, 'Medarbejder', ['A04441'], true)),
  person('bob', 'Bob', 'Berg', ['staff'], pupil(2, 'Elev', ['A04441', 'B12345'], true)),
  person('carol', 'Carol', 'Clausen', [], pupil(3, 'Elev', [], false)),
  person('dave', 'Dave', 'Dahl', ['guests'], {}, false),
  { sub: 'eve' }, // a subject and nothing else
];

export const claims = {
  openid: ['sub'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
  roles: ['realm_access'],
  unilogin: UNILOGIN,
  acr: null,
  amr: null,
  auth_time: null,
  iss: null,
  sid: null,
};

/** Return the people by subject, with those of the JSON file `more` added. */
export function people(more) {
  const added = more ? JSON.parse(fs.readFileSync(more)) : [];
  return new Map([...known, ...added].map((one) => [one.sub, one]));
}

/** Return what a broker puts into access tokens for introspection, for the scope unilogin. */
export function inToken(one) {
  return Object.fromEntries(UNILOGIN.filter((name) => name in one).map((name) => [name, one[name]]));
}

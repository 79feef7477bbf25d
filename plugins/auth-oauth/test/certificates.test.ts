/** No token is told to a server that can't prove who it is, and no keys are taken from one; logins are put off. */
import { startDoubtfulServers } from '@postroad/core/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, test } from 'vitest';

test('introspection and keys need a certificate that is believed', { timeout: 120_000 }, async () => {
  const keys = await generateKeyPair('ES256');
  const claims = { aud: 'mail', email: 'alice@example.org' };
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' };
  const token = await new SignJWT({ iss: 'https://id.example/', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1h')
    .sign(keys.privateKey);
  // One answer that is good for both questions.
  await using servers = await startDoubtfulServers({ active: true, ...claims, keys: [jwk] });
  const built = (name: string) => JSON.stringify(new URL(`../dist/${name}.js`, import.meta.url).href);
  const said = await servers.run(`
    import { createIntrospection } from ${built('introspection')};
    import { createSignedTokens } from ${built('signed-tokens')};
    const rules = { audience: ['mail'], claim: 'email' };
    const told = (subject) => subject.then(({ name }) => name, ({ code, message }) => code + ' ' + message);
    const said = {};
    for (const [doubt, url] of Object.entries(${JSON.stringify(servers.urls)})) {
      const asked = { url: url + 'ask', clientId: 'us', clientSecret: 'secret', ...rules };
      const issuer = { issuer: 'https://id.example/', jwksUrl: url + 'keys', algorithms: ['ES256'], ...rules };
      const signed = createSignedTokens({ issuers: [issuer], timeoutMs: 20_000, clockToleranceMs: 0 }, Date.now);
      said[doubt] = [
        await told(createIntrospection(asked, 20_000, Date.now)('secret token')),
        await told(signed(${JSON.stringify(token)})),
      ];
    }
    console.log(JSON.stringify(said));`);
  const both = (reason: string) => Array(2).fill(expect.stringMatching(`^E_DIRECTORY .*${reason}`));
  expect(said).toEqual({
    believed: ['alice@example.org', 'alice@example.org'],
    expired: both('expired'),
    'not valid yet': both('not yet valid'),
    'for another name': both("is not in the cert's list"),
    'of an unknown authority': both('self-signed'),
  });
  const { believed, ...others } = servers.asked;
  expect(believed).toEqual(['POST /ask token=secret+token&token_type_hint=access_token', 'GET /keys ']);
  expect(Object.values(others).flat()).toEqual([]);
});

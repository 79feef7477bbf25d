/** DANE and MTA-STS against a real validating resolver (unbound) and a real signed zone (nsd). */
import { createHash, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { systemClock } from '@postroad/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createStsFetch } from '../src/tls/fetch-sts-policy.js';
import { authorityCertificate, leafCertificate, leafKey } from './certificate.js';
import { harness, told } from './scene.js';
import { polite, type ScriptedServer, startScriptedServer } from './scripted-server.js';
import { missingDnsTools, type SignedZones, startSignedZones } from './signed-zone.js';

if (missingDnsTools !== undefined) console.warn(`skipped: ${missingDnsTools}`);

const delivered = 'delivered 250 2.0.0 taken';
const unproven = 'deferred 451 4.7.5 the certificate of the server can not be verified';
const noTls = 'deferred 451 4.7.4 the server does not offer TLS, which is required';
const hex = (bytes: Buffer) => bytes.toString('hex');
const leaf = new X509Certificate(leafCertificate);
const authority = new X509Certificate(authorityCertificate);
const leafKeyDigest = hex(
  createHash('sha256')
    .update(leaf.publicKey.export({ type: 'spki', format: 'der' }))
    .digest(),
);
const authorityDigest = hex(createHash('sha512').update(authority.raw).digest());
const wrong = '00'.repeat(32);

describe.skipIf(missingDnsTools !== undefined)(`a signed zone (${missingDnsTools ?? 'here'})`, () => {
  let zones: SignedZones;
  let secure: ScriptedServer;
  let plain: ScriptedServer;
  let web: Server;

  beforeAll(async () => {
    const certificate = { cert: leafCertificate + authorityCertificate, key: leafKey };
    secure = await startScriptedServer(polite({ offers: ['PIPELINING', 'STARTTLS'], certificate }));
    plain = await startScriptedServer(polite());
    web = createServer(certificate, (request, response) => {
      response.writeHead(request.headers.host?.startsWith('mta-sts.example.net') === true ? 200 : 404, {
        'content-type': 'text/plain',
      });
      response.end('version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 86400\n');
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const tlsa = (host: string, record: string) =>
      [secure, plain].map(({ port }) => `_${port}._tcp.${host} IN TLSA ${record}\n`).join('');
    const good = `3 1 1 ${leafKeyDigest}`;
    zones = await startSignedZones([
      {
        name: 'example.net',
        is: 'signed',
        records: `@ IN MX 10 mx
mx IN A 127.0.0.1
${tlsa('mx', good)}
anchored IN MX 10 mx.anchored
mx.anchored IN A 127.0.0.1
${tlsa('mx.anchored', `2 0 2 ${authorityDigest}`)}
named IN MX 10 mta-sts
mta-sts IN A 127.0.0.1
${tlsa('mta-sts', `2 0 2 ${authorityDigest}`)}
wrong IN MX 10 mx.wrong
mx.wrong IN A 127.0.0.1
${tlsa('mx.wrong', `3 1 1 ${wrong}`)}
several IN MX 10 mx.several
mx.several IN A 127.0.0.1
${tlsa('mx.several', `3 1 1 ${wrong}`)}${tlsa('mx.several', good)}
none IN MX 10 mx.none
mx.none IN A 127.0.0.1
alias IN CNAME @
aliased IN MX 10 mx.aliased
mx.aliased IN CNAME mx
outside IN MX 10 mx.outside
mx.outside IN CNAME mx.unsigned.example.
${tlsa('mx.outside', good)}
foreign IN MX 10 mx.unsigned.example.
_mta-sts.policy IN TXT "v=STSv1; id=1;"
`,
      },
      {
        name: 'unsigned.example',
        is: 'unsigned',
        records: `@ IN MX 10 mx
mx IN A 127.0.0.1
${tlsa('mx', `3 1 1 ${wrong}`)}
strict IN MX 10 mx.example.net.
_mta-sts.strict IN CNAME _mta-sts.policy.example.net.
mta-sts.strict IN CNAME mta-sts.example.net.
`,
      },
      {
        name: 'bogus.example',
        is: 'bogus',
        records: `@ IN MX 10 mx\nmx IN A 127.0.0.1\n${tlsa('mx', good)}`,
      },
    ]);
  }, 60_000);
  afterAll(async () => {
    await zones?.stop();
    await secure?.close();
    await plain?.close();
    await new Promise((resolve) => web?.close(resolve));
  });

  const deliverTo = async (domain: string, server: ScriptedServer) => {
    const { deliver } = harness({ port: server.port, resolver: zones.resolver, reuse: { idleMs: 0 } });
    const report = await deliver({ transport: 'mx', domain });
    return {
      said: told(report)[0],
      tls: report.tls,
      results: report.tlsSessions?.map((one) => one.policyType),
    };
  };

  test.each([
    ['a key of the server (3 1 1)', 'example.net', delivered, noTls],
    ['one of several keys', 'several.example.net', delivered, noTls],
    ['an authority (2 0 2), whose certificate has another name', 'anchored.example.net', unproven, noTls],
    ['an authority (2 0 2)', 'named.example.net', delivered, noTls],
    ['another key', 'wrong.example.net', unproven, noTls],
    ['a domain that is an alias', 'alias.example.net', delivered, noTls],
    ['a server whose name is an alias in the zone', 'aliased.example.net', delivered, noTls],
    ['a server whose name is an alias out of it', 'outside.example.net', delivered, noTls],
  ])('asks for %s', async (_name, domain, said, saidByPlain) => {
    const over = await deliverTo(domain, secure);
    expect(over.said).toBe(said);
    expect(over.results).toEqual(['tlsa']);
    expect(over.tls === undefined ? '' : over.tls.endsWith(' verified')).toBe(said === delivered ? true : '');
    expect((await deliverTo(domain, plain)).said).toBe(saidByPlain);
  });

  test.each([
    ['without records', 'none.example.net'],
    ['that is not signed, whatever it says', 'unsigned.example'],
    ['whose server is not in a signed zone', 'foreign.example.net'],
  ])('of a domain %s asks for nothing', async (_name, domain) => {
    const over = await deliverTo(domain, secure);
    expect(over).toMatchObject({ said: delivered, results: ['no-policy-found'] });
    expect(over.tls).not.toContain('verified');
    expect((await deliverTo(domain, plain)).said).toBe(delivered);
  });

  test('that was tampered with is no zone at all: mail waits', async () => {
    const before = plain.connections + secure.connections;
    expect((await deliverTo('bogus.example', plain)).said).toMatch(/^deferred 451 4\.(?:4\.3|7\.5) /);
    expect(plain.connections + secure.connections).toBe(before);
  });

  test('does not have to vouch for MTA-STS, whose policy and names may be aliases', async () => {
    const fetched: string[] = [];
    const port = (web.address() as { port: number }).port;
    const fetchPolicy = createStsFetch({
      resolver: zones.resolver,
      clock: systemClock,
      timeoutMs: 10_000,
      allowPrivateAddresses: true,
      port,
      ca: () => authorityCertificate,
    });
    // The policy host is an alias; the certificate must be for the name that was asked for, which it is not here.
    const { deliver } = harness({
      port: secure.port,
      dane: false,
      resolver: zones.resolver,
      fetchPolicy: (domain, signal) => {
        fetched.push(domain);
        return fetchPolicy(domain, signal);
      },
    });
    const report = await deliver({ transport: 'mx', domain: 'strict.unsigned.example' });
    expect(fetched).toEqual(['strict.unsigned.example']);
    expect(report.tlsSessions?.map(({ policyType, failure }) => `${policyType} ${failure}`)).toEqual([
      'sts sts-webpki-invalid',
      'no-policy-found undefined',
    ]);
    // By the name that the certificate has it is fetched, and enforced: nobody trusts the authority of the mail server.
    const text = await fetchPolicy('example.net', new AbortController().signal);
    expect(text).toContain('mode: enforce');
    const enforced = harness({
      port: secure.port,
      dane: false,
      resolver: zones.resolver,
      fetchPolicy: async () => text,
    });
    expect(told(await enforced.deliver({ transport: 'mx', domain: 'strict.unsigned.example' }))[0]).toBe(
      unproven,
    );
  });
});

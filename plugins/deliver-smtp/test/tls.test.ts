import { systemClock } from '@postroad/core';
import { makeTestCertificate } from '@postroad/core/testing';
import { describe, expect, test } from 'vitest';
import { harness, serve, smtp, told } from './scene.js';
import { polite, type ScriptedServer } from './scripted-server.js';

describe('TLS', () => {
  const offers = ['PIPELINING', 'STARTTLS'];

  test('is used when it is offered, whoever signed the certificate', async () => {
    const server = await serve(polite({ offers }));
    const report = await harness().deliver(smtp(server));
    expect(told(report)).toEqual(['delivered 250 2.0.0 taken']);
    expect(report.tls).toMatch(/^TLSv1\.3 [A-Z0-9_]+$/);
    expect(server.lines.slice(0, 3)).toEqual(['EHLO out.example.org', 'STARTTLS', 'EHLO out.example.org']);
  });

  test('that is required defers where it is not offered', async () => {
    const server = await serve(polite());
    expect(told(await harness({ tls: 'required' }).deliver(smtp(server)))).toEqual([
      'deferred 451 4.7.4 the server does not offer TLS, which is required',
    ]);
    expect(server.messages).toHaveLength(0);
  });

  test('that must be verified looks at signer and name', async () => {
    const server = await serve(polite({ offers }));
    const refused = 'deferred 451 4.7.5 the certificate of the server can not be verified';
    const other = { ...smtp(server), host: 'other.example.net' };
    expect(told(await harness({ tls: 'verified' }).deliver(smtp(server)))).toEqual([refused]);
    expect(told(await harness({ tls: 'verified', trusted: true }).deliver(other))).toEqual([refused]);
    const report = await harness({ tls: 'verified', trusted: true }).deliver(smtp(server));
    expect(report.tls).toMatch(/ verified$/);
    expect(server.messages).toHaveLength(1);
  });

  test('that must be verified looks at when the certificate is valid', async () => {
    const yearMs = 365 * 86_400_000;
    const deliverTo = async (beginsMs: number, tls: 'verified' | 'opportunistic' = 'verified') => {
      const nowMs = systemClock.now() + beginsMs;
      const certificate = await makeTestCertificate({ hostname: 'mx.example.net', nowMs });
      const server = await serve(polite({ offers, certificate }));
      return told(await harness({ tls, trusted: certificate.cert }).deliver(smtp(server)));
    };
    const refused = ['deferred 451 4.7.5 the certificate of the server can not be verified'];
    const taken = ['delivered 250 2.0.0 taken'];
    expect(await deliverTo(-86_400_000)).toEqual(taken);
    expect(await deliverTo(-20 * yearMs)).toEqual(refused);
    expect(await deliverTo(2 * yearMs)).toEqual(refused);
    // Who asks for no more than encryption gets it.
    expect(await deliverTo(-20 * yearMs, 'opportunistic')).toEqual(taken);
  });

  test('from the first octet', async () => {
    const server = await serve(polite({ isTls: true }));
    const report = await harness().deliver({ ...smtp(server), tls: 'implicit' });
    expect(told(report)).toEqual(['delivered 250 2.0.0 taken']);
    expect(report.tls).toBeDefined();
  });

  test.each([
    ['opportunistic', 'delivered 250 2.0.0 taken'],
    ['required', 'deferred 451 4.4.2 the TLS handshake failed'],
  ] as const)('that fails halfway, when it is %s', async (tls, expected) => {
    const server = await serve(async (peer, index) => {
      const script = polite({
        offers,
        answer: (line) => {
          if (line !== 'STARTTLS') return undefined;
          peer.say('220 go');
          peer.socket.once('data', () =>
            peer.socket.end('\u0015\u0003\u0001\u0000\u0002\u0002\u0028', 'latin1'),
          );
          return new Promise(() => {});
        },
      });
      await script(peer, index);
    });
    expect(told(await harness({ tls }).deliver(smtp(server)))).toEqual([expected]);
  });

  test.each([
    ['a reply', '220 go\r\n250 injected\r\n'],
    // It would stand before the first that is said within TLS.
    ['the beginning of one', '220 go\r\n250-injected '],
  ])('is not begun when %s stands behind the answer to STARTTLS', async (_name, said) => {
    const server = await serve(async (peer, index) => {
      const answer = (line: string) => {
        if (line !== 'STARTTLS') return undefined;
        peer.raw(said);
        peer.secure();
        return new Promise<undefined>(() => {});
      };
      await polite({ offers, answer })(peer, index);
    });
    expect(told(await harness({ tls: 'required' }).deliver(smtp(server)))[0]).toMatch(
      /^deferred 451 4\.5\.0 /,
    );
    expect(server.messages).toHaveLength(0);
  });

  test('that is required defers where it is refused, and goes on without where it is only tried', async () => {
    const answer = (line: string) => (line === 'STARTTLS' ? '454 4.7.0 not now' : undefined);
    const server = await serve(polite({ offers, answer }));
    for (const tls of ['required', 'verified'] as const) {
      expect(told(await harness({ tls }).deliver(smtp(server)))).toEqual([
        'deferred 451 4.7.4 the server refuses TLS, which is required',
      ]);
    }
    expect(server.messages).toHaveLength(0);
    expect(told(await harness().deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
  });

  test('and REQUIRETLS need each other', async () => {
    const plain = await serve(polite({ offers }));
    const able = await serve(polite({ offers: [...offers, 'REQUIRETLS'] }));
    const parameters = { requireTls: true };
    const { deliver } = harness({ trusted: true });
    expect(told(await deliver(smtp(plain), { parameters }))).toEqual([
      'failed 550 5.7.30 the next server can not promise TLS, which the sender requires',
    ]);
    expect(told(await deliver(smtp(able), { parameters }))).toEqual(['delivered 250 2.0.0 taken']);
    expect(able.lines).toContain('MAIL FROM:<alice@example.org> REQUIRETLS');
  });
});

describe('a login', () => {
  const route = (server: ScriptedServer) => ({ ...smtp(server), login: 'us', password: 'secret' });
  const challenge = (line: string) => {
    if (line.startsWith('AUTH PLAIN'))
      return line === 'AUTH PLAIN AHVzAHNlY3JldA==' ? '235 2.7.0 ok' : '535 5.7.8 no';
    if (line === 'AUTH LOGIN') return '334 VXNlcm5hbWU6';
    if (line === 'dXM=') return '334 UGFzc3dvcmQ6';
    return line === 'c2VjcmV0' ? '235 2.7.0 ok' : undefined;
  };

  test.each(['PLAIN', 'LOGIN'])('by %s, only within TLS', async (mechanism) => {
    const offers = ['PIPELINING', 'STARTTLS', `AUTH ${mechanism}`];
    const server = await serve(polite({ offers, answer: challenge }));
    expect(told(await harness().deliver(route(server)))).toEqual(['delivered 250 2.0.0 taken']);
    const plain = await serve(polite({ offers: [`AUTH ${mechanism}`], answer: challenge }));
    expect(told(await harness().deliver(route(plain)))).toEqual([
      'deferred 454 4.7.0 the login would travel without TLS',
    ]);
    expect(told(await harness({ plaintextLogin: true }).deliver(route(plain)))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
  });

  test('that is refused defers and does not tell the password', async () => {
    const server = await serve(
      polite({
        offers: ['AUTH PLAIN'],
        answer: (line) => (line.startsWith('AUTH') ? '535 5.7.8 wrong' : undefined),
      }),
    );
    const report = await harness({ plaintextLogin: true }).deliver(route(server));
    expect(told(report)).toEqual(['deferred 454 4.7.0 the server refuses the login: 535 5.7.8 wrong']);
  });
});

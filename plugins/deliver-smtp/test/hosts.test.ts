import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailError } from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { harness, mx, serve, smtp, told } from './scene.js';
import { polite, startScriptedServer } from './scripted-server.js';

describe('hosts', () => {
  const dead = async () => {
    const server = await startScriptedServer(async () => {});
    await server.close();
    return server.port;
  };

  test('are tried in order of preference, the next when one does not answer', async () => {
    const asked: string[] = [];
    const server = await serve(polite());
    const { deliver } = harness({
      port: server.port,
      resolver: {
        mx: async () => [
          { preference: 20, exchange: 'c.example.net' },
          { preference: 5, exchange: 'a.example.net' },
          { preference: 10, exchange: 'b.example.net' },
        ],
        addresses: async (name) => {
          asked.push(name);
          return name === 'b.example.net' ? ['127.0.0.1'] : ['127.0.0.2'];
        },
      },
    });
    const report = await deliver(mx);
    expect(asked).toEqual(['a.example.net', 'b.example.net']);
    expect(report.outcomes[0]?.remote?.name).toBe('b.example.net');
  });

  test('of equal preference are tried in random order', async () => {
    const first = new Set<string>();
    const server = await serve(polite());
    const { deliver } = harness({
      port: server.port,
      reuse: { idleMs: 0 },
      resolver: {
        mx: async () =>
          ['a', 'b'].map((exchange) => ({ preference: 5, exchange: `${exchange}.example.net` })),
      },
    });
    for (let round = 0; round < 12; round++) first.add((await deliver(mx)).outcomes[0]?.remote?.name ?? '');
    expect([...first].sort()).toEqual(['a.example.net', 'b.example.net']);
  });

  test('are asked up to a limit, the best ones, when a domain names thousands', async () => {
    const asked: string[] = [];
    const port = await dead();
    const { deliver } = harness({
      port,
      hostsMax: 5,
      resolver: {
        mx: async () =>
          Array.from({ length: 5_000 }, (_, at) => ({
            preference: 5_000 - at,
            exchange: `mx${at}.example.net`,
          })),
        addresses: async (name) => {
          asked.push(name);
          return Array<string>(2_000).fill('127.0.0.1');
        },
      },
    });
    expect(told(await deliver(mx))).toEqual(['deferred 451 4.4.1 no answer from the server']);
    expect(asked).toEqual([4_999, 4_998, 4_997, 4_996, 4_995].map((at) => `mx${at}.example.net`));
  });

  test('without MX records are the domain itself', async () => {
    const server = await serve(polite());
    const report = await harness({ port: server.port }).deliver(mx);
    expect(report.outcomes[0]?.remote?.name).toBe('example.net');
  });

  test.each([
    [
      'a null MX',
      { mx: async () => [{ preference: 0, exchange: '' }] },
      'failed 556 5.1.10 the domain takes no mail',
    ],
    ['no address', { addresses: async () => [] }, 'failed 550 5.1.2 the domain has no mail server'],
    [
      'an MX that is ourselves',
      {
        mx: async () => [
          { preference: 0, exchange: 'OUT.example.org' },
          { preference: 5, exchange: 'x.example.net' },
        ],
      },
      'failed 554 5.4.6 mail for the domain comes back here',
    ],
    [
      'a DNS failure',
      { mx: async () => Promise.reject(new MailError('E_DNS', 'no')) },
      'deferred 451 4.4.3 the mail exchangers can not be looked up for now',
    ],
  ])('of a domain with %s', async (_name, resolver, expected) => {
    expect(told(await harness({ resolver }).deliver(mx))).toEqual([expected]);
  });

  test('in private networks are not connected to for a stranger', async () => {
    const server = await serve(polite());
    const { deliver } = harness({ port: server.port, allowPrivateAddresses: false });
    expect(told(await deliver(mx))).toEqual([
      'failed 550 5.4.4 the server of the domain has no public address',
    ]);
    expect(server.connections).toBe(0);
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
  });

  test('that are all down defer', async () => {
    const port = await dead();
    expect(told(await harness({ port }).deliver(mx))).toEqual([
      'deferred 451 4.4.1 no answer from the server',
    ]);
  });

  test('are passed over for those that refuse for now before the message, not after it', async () => {
    let isGreylisted = true;
    const server = await serve(
      polite({
        answer: (line) => {
          if (!line.startsWith('RCPT') || !isGreylisted) return undefined;
          isGreylisted = false;
          return '450 4.7.1 greylisted';
        },
        final: () => ['451 4.3.0 not now'],
      }),
    );
    const { deliver } = harness({
      port: server.port,
      resolver: {
        mx: async () =>
          [1, 2, 3].map((preference) => ({ preference, exchange: `mx${preference}.example.net` })),
      },
    });
    expect(told(await deliver(mx))).toEqual(['deferred 451 4.3.0 not now']);
    expect(server.connections).toBe(2);
  });

  test('that greet us with our own name are ourselves, unless the route names them', async () => {
    const server = await serve(polite({ name: 'out.example.org' }));
    const { deliver } = harness({ port: server.port });
    expect(told(await deliver(mx))).toEqual(['failed 554 5.4.6 the message would come back to this server']);
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
  });

  test('in the file system are sockets', async () => {
    const server = await serve(polite({ isLmtp: true }));
    const path = join(tmpdir(), `postroad-lmtp-${process.pid}.sock`);
    await server.listenAt(path);
    const route = { transport: 'lmtp', host: path, port: 0 } as const;
    expect(told(await harness().deliver(route))).toEqual(['delivered 250 2.0.0 taken']);
  });

  test('that announce their leave are left', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('MAIL') ? '421 4.3.2 going down' : undefined) }),
    );
    const { deliver, deliverer } = harness();
    expect(told(await deliver(smtp(server)))).toEqual(['deferred 421 4.3.2 going down']);
    expect(deliverer.pool.size).toBe(0);
  });
});

describe('connections', () => {
  test('are used again for the same site, up to the limit of messages', async () => {
    const server = await serve(polite());
    const { deliver } = harness({ reuse: { messagesMax: 3 } });
    for (let round = 0; round < 7; round++) await deliver(smtp(server));
    expect(server.messages).toHaveLength(7);
    expect(server.connections).toBe(3);
  });

  test('over which a server has said "not now" are its answer: it is not asked again in the same try', async () => {
    let number = 0;
    const server = await serve(
      polite({
        answer: (line) => {
          if (!line.startsWith('RCPT')) return undefined;
          return ++number === 1 ? undefined : '450 4.2.1 not now';
        },
      }),
    );
    const { deliver } = harness();
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(told(await deliver(smtp(server)))).toEqual(['deferred 450 4.2.1 not now']);
    expect(number).toBe(2);
    expect(server.connections).toBe(1);
  });

  test('are closed politely after the idle time', async () => {
    const server = await serve(polite());
    const { deliver, deliverer, clock } = harness({ reuse: { idleMs: 5_000 } });
    await deliver(smtp(server));
    expect(deliverer.pool.size).toBe(1);
    await clock.advance(5_000);
    expect(deliverer.pool.size).toBe(0);
    await expect.poll(() => server.lines.at(-1)).toBe('QUIT');
  });

  test('that the server has closed meanwhile are replaced without a failure', async () => {
    const server = await serve(async (peer, index) => {
      if (index > 0) return await polite()(peer, index);
      const script = polite({
        answer: (line) => {
          if (line.startsWith('MAIL') && server.messages.length === 1) peer.socket.destroy();
          return undefined;
        },
      });
      return await script(peer, index);
    });
    const { deliver } = harness();
    await deliver(smtp(server));
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.connections).toBe(2);
  });

  test('on which the server speaks by itself are not used again', async () => {
    const server = await serve(async (peer, index) => {
      setTimeout(() => peer.say('421 4.3.2 going down'), 20);
      await polite()(peer, index);
    });
    const { deliver, deliverer } = harness();
    await deliver(smtp(server));
    await expect.poll(() => deliverer.pool.size).toBe(0);
  });

  test('are never shared across TLS policies', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'STARTTLS'] }));
    const { deliver } = harness();
    await deliver({ ...smtp(server), tls: 'none' });
    const report = await deliver({ ...smtp(server), tls: 'required' });
    expect(report.tls).toMatch(/^TLSv1\.[23] /);
    expect(server.connections).toBe(2);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Body, bodyFromFile, type DeliveryReport, formatReply, MailError } from '@postroad/core';
import { afterEach, describe, expect, test } from 'vitest';
import { createHarness, type Harness } from './harness.js';
import { polite, type Script, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  closing.push(() => server.close());
  return server;
}

function harness(options: Parameters<typeof createHarness>[0] = {}): Harness {
  const made = createHarness(options);
  closing.push(() => made.deliverer.pool.close());
  return made;
}

const smtp = (server: ScriptedServer) =>
  ({ transport: 'smtp', host: 'localhost', port: server.port }) as const;
const lmtp = (server: ScriptedServer) =>
  ({ transport: 'lmtp', host: 'localhost', port: server.port }) as const;
const mx = { transport: 'mx', domain: 'example.net' } as const;

const told = (report: DeliveryReport) =>
  [...report.outcomes]
    .sort((a, b) => a.index - b.index)
    .map(({ status, reply }) => `${status} ${formatReply(reply)}`);

describe('a transaction', () => {
  test('goes in one write with PIPELINING, the message unchanged below our header', async () => {
    const server = await serve(polite());
    const content = 'Subject: dots\r\n\r\n.one\r\n..two\r\na.b\r\n.\r\nlast';
    const report = await harness().deliver(smtp(server), { content, prefix: 'Received: here\r\n' });
    expect(told(report)).toEqual(['delivered 250 2.0.0 taken']);
    expect(report.outcomes[0]?.remote).toEqual({ name: 'localhost', address: '127.0.0.1' });
    expect(server.lines).toEqual([
      'EHLO out.example.org',
      'MAIL FROM:<alice@example.org> SIZE=58',
      'RCPT TO:<bob@example.net>',
      'DATA',
    ]);
    expect(server.messages[0]?.toString()).toBe(
      'Received: here\r\nSubject: dots\r\n\r\n..one\r\n...two\r\na.b\r\n..\r\nlast\r\n',
    );
  });

  test('goes step by step without PIPELINING, also to a server that knows only HELO', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('EHLO') ? '502 what?' : undefined) }),
    );
    expect(told(await harness().deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.lines.slice(1)).toEqual([
      'HELO out.example.org',
      'MAIL FROM:<alice@example.org>',
      'RCPT TO:<bob@example.net>',
      'DATA',
    ]);
  });

  test.each([[['PIPELINING']], [[]]])('gives each recipient its own answer (offers %s)', async (offers) => {
    const server = await serve(
      polite({
        offers,
        answer: (line) =>
          line.includes('<gone@')
            ? '550 5.1.1 no such user'
            : line.includes('<full@')
              ? '452 4.2.2 full'
              : undefined,
      }),
    );
    const to = ['a@example.net', 'gone@example.net', 'full@example.net', 'b@example.net'];
    expect(told(await harness().deliver(smtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 taken',
      'failed 550 5.1.1 no such user',
      'deferred 452 4.2.2 full',
      'delivered 250 2.0.0 taken',
    ]);
  });

  test('sends nothing when nobody is accepted, even if the server wants the message', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('RCPT') ? '550 5.7.1 no' : undefined) }),
    );
    const { deliver } = harness();
    expect(told(await deliver(smtp(server)))).toEqual(['failed 550 5.7.1 no']);
    expect(server.messages.map(String)).toEqual(['']);
    await deliver(smtp(server));
    expect(server.connections).toBe(1);
    expect(server.lines).toContain('RSET');
  });

  test('uses the answer to MAIL for all when the sender is refused', async () => {
    const server = await serve(
      polite({
        answer: (line) =>
          line.startsWith('MAIL')
            ? '553 5.1.8 not you'
            : /^RCPT|^DATA/.test(line)
              ? '503 no MAIL'
              : undefined,
      }),
    );
    expect(told(await harness().deliver(smtp(server), { to: ['a@example.net', 'b@example.net'] }))).toEqual([
      'failed 553 5.1.8 not you',
      'failed 553 5.1.8 not you',
    ]);
  });

  test('sends the recipients that were too many in another transaction', async () => {
    let taken = 0;
    const server = await serve(
      polite({
        answer: (line) => {
          if (line.startsWith('MAIL')) taken = 0;
          return line.startsWith('RCPT') && ++taken > 2 ? '452 4.5.3 too many recipients' : undefined;
        },
      }),
    );
    const to = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.net`);
    const report = await harness().deliver(smtp(server), { to });
    expect(told(report)).toEqual(Array(5).fill('delivered 250 2.0.0 taken'));
    expect(server.messages).toHaveLength(3);
    expect(server.connections).toBe(1);
  });

  test('takes one answer a recipient from an LMTP server', async () => {
    const server = await serve(
      polite({ isLmtp: true, final: () => ['250 2.0.0 stored', '552 5.2.2 over quota', '451 4.3.0 later'] }),
    );
    const to = ['a@example.net', 'b@example.net', 'c@example.net'];
    expect(told(await harness().deliver(lmtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 stored',
      'failed 552 5.2.2 over quota',
      'deferred 451 4.3.0 later',
    ]);
    expect(server.lines[0]).toBe('LHLO out.example.org');
  });

  test('passes DSN parameters on for each recipient, and says that the duty went with them', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'DSN'] }));
    const report = await harness().deliver(smtp(server), {
      parameters: { ret: 'hdrs', envid: 'a+b c' },
      to: [{ notify: ['success', 'delay'], orcpt: 'rfc822;b ob@example.net' }, { notify: 'never' }, {}],
    });
    expect(server.lines.slice(1, 5)).toEqual([
      'MAIL FROM:<alice@example.org> RET=HDRS ENVID=a+2Bb+20c',
      'RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+20ob@example.net',
      'RCPT TO:<bob@example.net> NOTIFY=NEVER',
      'RCPT TO:<bob@example.net>',
    ]);
    expect(report.outcomes.every(({ dsnPassedOn }) => dsnPassedOn === true)).toBe(true);
  });

  test('does not offer what the server can not take', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'SIZE 20'] }));
    expect(told(await harness().deliver(smtp(server)))).toEqual([
      'failed 552 5.3.4 the message is larger than the next server takes',
    ]);
    const old = await serve(polite({ offers: ['PIPELINING'] }));
    const utf8 = await harness().deliver(smtp(old), {
      to: [{ address: { localPart: 'bü', domain: 'example.net' } }, {}],
    });
    expect(told(utf8)).toEqual([
      'failed 550 5.6.7 the next server does not take UTF-8 addresses',
      'delivered 250 2.0.0 taken',
    ]);
  });

  test('speaks of UTF-8 only where it is needed, and uses A-labels where it is not offered', async () => {
    const able = await serve(polite({ offers: ['PIPELINING', 'SMTPUTF8', '8BITMIME'] }));
    const address = { localPart: 'bü', domain: 'bücher.example' };
    await harness().deliver(smtp(able), { to: [{ address }], parameters: { smtpUtf8: true } });
    expect(able.lines.slice(1, 3)).toEqual([
      'MAIL FROM:<alice@example.org> SMTPUTF8',
      'RCPT TO:<bü@bücher.example>',
    ]);
    const old = await serve(polite());
    await harness().deliver(smtp(old), { to: [{ address: { localPart: 'bob', domain: 'bücher.example' } }] });
    expect(old.lines[2]).toBe('RCPT TO:<bob@xn--bcher-kva.example>');
  });

  test('declares eight bits', async () => {
    const server = await serve(polite());
    await harness().deliver(smtp(server), { content: 'Subject: x\r\n\r\nü\r\n' });
    expect(server.lines[1]).toBe('MAIL FROM:<alice@example.org> SIZE=18 BODY=8BITMIME');
  });

  test('never sends a bare CR or LF', async () => {
    const server = await serve(polite());
    await harness().deliver(smtp(server), { content: 'Subject: x\r\n\r\na\n.\nb\r.\rc\r\n' });
    expect(server.messages[0]?.toString()).toBe('Subject: x\r\n\r\na\r\n..\r\nb\r\n..\r\nc\r\n');
  });
});

describe('a message in chunks', () => {
  const offers = ['PIPELINING', 'CHUNKING', '8BITMIME', 'BINARYMIME'];
  const dots = 'Subject: x\r\n\r\n.dots\r\n..\r\n.\r\nlast';

  /** A message that is streamed from a file, with lines of one length. */
  async function fileBody(sizeBytes: number): Promise<{ body: Body; text: string }> {
    const directory = await mkdtemp(join(tmpdir(), 'postroad-body-'));
    closing.push(() => rm(directory, { recursive: true }));
    const header = 'Subject: large\r\n\r\n';
    const text = header + '.a line that begins with a dot and is not short at all\r\n'.repeat(sizeBytes / 56);
    const file = join(directory, 'body');
    await writeFile(file, text);
    const facts = { sizeBytes: text.length, has8bit: false, headerSizeBytes: header.length };
    const body = bodyFromFile({
      ...facts,
      file,
      sha256: '',
      headerBytes: Buffer.from(header),
      isOwned: false,
    });
    return { body, text };
  }

  test('goes with the envelope in one write, without dots added', async () => {
    const server = await serve(polite({ offers }));
    expect(told(await harness().deliver(smtp(server), { content: dots, prefix: 'X: y\r\n' }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
    expect(server.lines.slice(1)).toEqual([
      'MAIL FROM:<alice@example.org>',
      'RCPT TO:<bob@example.net>',
      'BDAT 40 LAST',
    ]);
    expect(server.messages.map(String)).toEqual([`X: y\r\n${dots}\r\n`]);
  });

  test('never has a bare CR or LF', async () => {
    const server = await serve(polite({ offers }));
    await harness().deliver(smtp(server), { content: 'A: b\n\r\n\n.\n' });
    expect(server.messages.map(String)).toEqual(['A: b\r\n\r\n\r\n.\r\n']);
  });

  test.each([[offers], [['CHUNKING']], [['PIPELINING']], [[]]])(
    'is streamed when it is large (offers %s)',
    async (offered) => {
      const server = await serve(polite({ offers: offered }));
      const { body, text } = await fileBody(1_000_000);
      expect(told(await harness().deliver(smtp(server), { body }))).toEqual(['delivered 250 2.0.0 taken']);
      const stuffed = text.replaceAll('\r\n.', '\r\n..');
      expect(server.messages[0]?.toString() === (offered.includes('CHUNKING') ? text : stuffed)).toBe(true);
    },
  );

  test('ends with the first chunk that is refused', async () => {
    let chunks = 0;
    const server = await serve(
      polite({
        offers,
        answer: (line) => (line.startsWith('BDAT') && ++chunks === 2 ? '552 5.3.4 too large' : undefined),
      }),
    );
    const made = harness();
    const { body } = await fileBody(1_000_000);
    expect(told(await made.deliver(smtp(server), { body }))).toEqual(['failed 552 5.3.4 too large']);
    expect(told(await made.deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.connections).toBe(1);
    expect(server.messages).toHaveLength(1);
  });

  test('for nobody leaves the connection in step', async () => {
    const server = await serve(
      polite({ offers, answer: (line) => (line.includes('<gone@') ? '550 5.1.1 no such user' : undefined) }),
    );
    const { deliver } = harness();
    expect(told(await deliver(smtp(server), { to: ['gone@example.net'] }))).toEqual([
      'failed 550 5.1.1 no such user',
    ]);
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.connections).toBe(1);
  });

  test('is answered for each recipient by an LMTP server', async () => {
    const server = await serve(polite({ offers, isLmtp: true, final: () => ['250 2.0.0 a', '452 4.2.2 b'] }));
    const to = ['a@example.net', 'b@example.net'];
    expect(told(await harness().deliver(lmtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 a',
      'deferred 452 4.2.2 b',
    ]);
  });

  test('is the only way for a binary body, which stays as it is', async () => {
    const parameters = { bodyType: 'binarymime' } as const;
    const content = 'A: b\r\n\r\n\u0000\r\n\n.\rx';
    const server = await serve(polite({ offers }));
    expect(told(await harness({ chunking: false }).deliver(smtp(server), { content, parameters }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
    expect(server.lines[1]).toBe('MAIL FROM:<alice@example.org> BODY=BINARYMIME');
    expect(server.messages.map(String)).toEqual([content]);
    const old = await serve(polite());
    expect(told(await harness().deliver(smtp(old), { content, parameters }))).toEqual([
      'failed 554 5.6.3 the next server does not take binary bodies',
    ]);
  });

  test('or not, eight bits need 8BITMIME, unless told otherwise', async () => {
    const server = await serve(polite({ offers: [] }));
    const content = 'A: b\r\n\r\n\u00fc\r\n';
    expect(told(await harness().deliver(smtp(server), { content }))).toEqual([
      'failed 554 5.6.3 the next server does not take eight-bit bodies',
    ]);
    expect(told(await harness({ eightBit: 'send' }).deliver(smtp(server), { content }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
  });
});

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
    for (let round = 0; round < 40; round++) first.add((await deliver(mx)).outcomes[0]?.remote?.name ?? '');
    expect([...first].sort()).toEqual(['a.example.net', 'b.example.net']);
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

  test('that greet us with our own name are ourselves', async () => {
    const server = await serve(polite({ name: 'out.example.org' }));
    expect(told(await harness().deliver(smtp(server)))).toEqual([
      'failed 554 5.4.6 the message would come back to this server',
    ]);
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

  test('is not begun when something stands behind the answer to STARTTLS', async () => {
    const server = await serve(
      polite({ offers, answer: (line) => (line === 'STARTTLS' ? '220 go\r\n250 injected' : undefined) }),
    );
    expect(told(await harness({ tls: 'required' }).deliver(smtp(server)))[0]).toMatch(
      /^deferred 451 4\.5\.0 /,
    );
    expect(server.messages).toHaveLength(0);
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

describe('a bad peer', () => {
  const cases: readonly (readonly [string, Script, RegExp])[] = [
    [
      'speaks before its greeting',
      async (peer) => peer.raw('hello\r\n220 hi\r\n'),
      /^deferred 451 4\.5\.0 .*not a reply$/,
    ],
    [
      'sends a line without end',
      async (peer) => peer.raw('220 '.padEnd(100_000, 'x')),
      /^deferred 451 4\.5\.0 .*too long$/,
    ],
    [
      'sends 5,000 lines',
      async (peer) => peer.raw('220-x\r\n'.repeat(5_000)),
      /^deferred 451 4\.5\.0 .*too many lines$/,
    ],
    [
      'changes the code within a reply',
      async (peer) => peer.raw('220-x\r\n550 y\r\n'),
      /^deferred 451 4\.5\.0 .*different codes$/,
    ],
    ['closes at once', async (peer) => void peer.socket.end(), /^deferred 451 4\.4\.2 the server closed/],
    ['resets at once', async (peer) => void peer.socket.resetAndDestroy(), /^deferred 451 4\.4\.[12] /],
    [
      'refuses in its greeting',
      async (peer) => peer.say('554 5.3.2 no mail here'),
      /^failed 554 5\.3\.2 no mail here$/,
    ],
    [
      'is busy',
      async (peer) => void peer.socket.end('421 4.3.2 too busy\r\n'),
      /^deferred 421 4\.3\.2 too busy$/,
    ],
    [
      'answers 250 to DATA',
      polite({ answer: (line) => (line === 'DATA' ? '250 what' : undefined) }),
      /^deferred 451 4\.5\.0 the server answers 250 out of turn$/,
    ],
    [
      'answers before it was asked',
      polite({ answer: (line) => (line === 'DATA' ? '354 go\r\n250 taken already' : undefined) }),
      /^deferred 451 4\.5\.0 the server answered what was not asked$/,
    ],
    ['answers 354 to the message', polite({ final: () => ['354 more'] }), /^deferred 451 4\.5\.0 /],
    [
      'closes after the final dot',
      async (peer, index) => {
        const script = polite({
          final: () => {
            peer.socket.destroy();
            return [];
          },
        });
        await script(peer, index);
      },
      /^deferred 451 4\.4\.2 the connection was lost before the server said whether it has the message$/,
    ],
    [
      'resets after DATA',
      async (peer, index) => {
        const script = polite({
          answer: (line) => {
            if (line === 'DATA') setImmediate(() => peer.socket.resetAndDestroy());
            return undefined;
          },
        });
        await script(peer, index);
      },
      /^deferred 451 4\.4\.2 /,
    ],
  ];

  test.each(cases)('%s', async (_name, script, expected) => {
    const server = await serve(script);
    const made = harness();
    const [said] = told(await made.deliver(smtp(server)));
    expect(said).toMatch(expected);
    expect(made.deliverer.pool.size).toBe(0);
  });

  test('keeps the answers it gave before it went away', async () => {
    const server = await serve(async (peer, index) => {
      const script = polite({
        answer: (line) => {
          if (line === 'DATA') peer.socket.destroy();
          return line.includes('<gone@') ? '550 5.1.1 no such user' : undefined;
        },
      });
      await script(peer, index);
    });
    const to = ['gone@example.net', 'b@example.net'];
    expect(told(await harness().deliver(smtp(server), { to }))).toEqual([
      'failed 550 5.1.1 no such user',
      'deferred 451 4.4.2 the server closed the connection',
    ]);
  });

  test.each([
    ['greeting', '', 'greetingMs'],
    ['answer to EHLO', 'EHLO', 'helloMs'],
    ['answer to MAIL', 'MAIL', 'mailMs'],
    ['answer to DATA', 'DATA', 'dataMs'],
  ] as const)('that never gives the %s is left after a time', async (_name, at, timeout) => {
    const server = await serve(
      polite({
        answer: (line) =>
          (at === '' ? line === '' : line.startsWith(at)) ? new Promise(() => {}) : undefined,
      }),
    );
    const { deliver, clock } = harness({ timeouts: { [timeout]: 5_000 } });
    const delivered = deliver(smtp(server));
    await expect
      .poll(() => (at === '' ? server.connections === 1 : server.lines.some((line) => line.startsWith(at))))
      .toBe(true);
    let isDone = false;
    const mark = () => {
      isDone = true;
    };
    delivered.then(mark, mark);
    // The wait begins a moment after the server has read the command: time passes until it is over.
    while (!isDone) await clock.advance(5_001);
    expect(told(await delivered)).toEqual(['deferred 451 4.4.2 the server did not answer in time']);
  });

  test('does not outlive the signal', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('MAIL') ? new Promise(() => {}) : undefined) }),
    );
    const stop = new AbortController();
    const delivered = harness().deliver(smtp(server), { signal: stop.signal });
    await expect.poll(() => server.lines.some((line) => line.startsWith('MAIL'))).toBe(true);
    stop.abort(new Error('enough'));
    expect(told(await delivered)).toEqual(['deferred 451 4.3.0 the message could not be sent for now']);
  });
});

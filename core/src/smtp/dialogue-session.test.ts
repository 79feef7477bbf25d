import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureSelfSigned } from '../services/self-signed-certificate.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from '../testing/test-receiver.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { reply } from '../values/reply.js';

let receiver: TestReceiver | undefined;
let certificate: { key: string; cert: string };

const hello = `
  S: 220 ...
  C: EHLO client.example
  S: ...
  S: 250 ...
`;

async function play(script: string, options: TestReceiverOptions = {}): Promise<TestReceiver> {
  receiver = await startTestReceiver(options);
  await playDialogue({ port: receiver.port }, script);
  return receiver;
}

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'receiver-test-'));
  try {
    const files = await ensureSelfSigned(directory, 'mx.example.org', Date.now(), (file) =>
      readFile(file, 'utf8'),
    );
    certificate = {
      key: await readFile(files.keyFile, 'utf8'),
      cert: await readFile(files.certificateFile, 'utf8'),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

describe('AUTH', () => {
  const granting: TestReceiverOptions = {
    hasAuth: true,
    isPlaintextAuthAllowed: true,
    policy: {
      authenticate: async (_connection, credentials) =>
        credentials.login === 'ute' &&
        credentials.password === 'geheim ü' &&
        credentials.authorizationId === ''
          ? {
              status: 'granted',
              identity: { accountId: 'ute', login: 'ute', mechanism: credentials.mechanism },
            }
          : { status: 'refused', reply: reply(535, '7.8', 'wrong login or password') },
    },
  };
  const plain = Buffer.from('\0ute\0geheim ü').toString('base64');
  const name = Buffer.from('ute').toString('base64');
  const password = Buffer.from('geheim ü').toString('base64');

  it.each([
    ['PLAIN at once', `C: AUTH PLAIN ${plain}`],
    ['PLAIN asked for', `C: auth plain\nS: 334 \nC: ${plain}`],
    ['LOGIN', `C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: ${name}\nS: 334 UGFzc3dvcmQ6\nC: ${password}`],
    ['LOGIN with the name at once', `C: AUTH LOGIN ${name}\nS: 334 UGFzc3dvcmQ6\nC: ${password}`],
  ])('takes %s, and offers it no more', async (_name, exchange) => {
    await play(
      `${hello}${exchange}
      S: 235 2.7.0 ...
      C: AUTH PLAIN ${plain}
      S: 503 ...
      C: EHLO client.example
      S: ...
      S: 250 LIMITS ...
    `,
      granting,
    );
  });

  it.each([
    ['AUTH PLAIN !!!!', '501 5.5.2'],
    ['AUTH PLAIN AAAA', '501 5.5.2'],
    [`AUTH PLAIN ${Buffer.from('\0ute\0falsch').toString('base64')}`, '535 5.7.8'],
    [`AUTH PLAIN ${Buffer.from('eva\0ute\0geheim ü').toString('base64')}`, '535 5.7.8'],
    [`AUTH PLAIN ${Buffer.from('\0ute\0\xff', 'latin1').toString('base64')}`, '501 5.5.2'],
    ['AUTH CRAM-MD5', '504 5.5.4'],
    ['AUTH', '501 5.5.4'],
    [`AUTH PLAIN ${plain} more`, '501 5.5.4'],
    ['AUTH PLAIN\r\n*', '334 '],
  ])('%j gets %s', async (command, code) => {
    const cancelled = code === '334 ' ? 'S: 501 5.7.0 cancelled' : '';
    await play(
      `${hello}
      C: ${command.replace('\r\n', '\n      C: ')}
      S: ${code === '334 ' ? code : `${code} ...`}
      ${cancelled}
      C: AUTH PLAIN ${plain}
      S: 235 ...
    `,
      granting,
    );
  });

  it('is neither offered nor taken before TLS', async () => {
    await play(
      `S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250-LIMITS ...
      S: 250 STARTTLS
      C: AUTH PLAIN ${plain}
      S: 538 5.7.11 ...
    `,
      { ...granting, isPlaintextAuthAllowed: false, certificate },
    );
  });

  it('is refused where it is not offered, and in a transaction', async () => {
    await play(`${hello}
      C: AUTH PLAIN ${plain}
      S: 502 ...
    `);
    await receiver?.close();
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: AUTH PLAIN ${plain}
      S: 503 ...
    `,
      granting,
    );
  });
});

describe('STARTTLS', () => {
  it('forgets everything, and what was sent behind it in clear', async () => {
    const { messages } = await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: STARTTLS
      S: 220 ...
      C: <tls>
      C: MAIL FROM:<a@b.example>
      S: 503 5.5.1 say hello first
      C: EHLO client.example
      S: ...
      S: 250 REQUIRETLS
      C: STARTTLS
      S: 503 ...
      C: MAIL FROM:<a@b.example> REQUIRETLS
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: secret
      C: .
      S: 250 ...
      C: QUIT
      S: 221 ...
      S: <closed>
    `,
      { certificate },
    );
    expect(messages[0]?.content).toBe('secret\r\n');
    expect(messages[0]?.envelope.parameters.requireTls).toBe(true);
  });

  it('runs no command that came with it (injection)', async () => {
    const opened = await startTestReceiver({ certificate });
    receiver = opened;
    // The handshake fails or goes on without the commands, as the packets fall; they never run.
    await playDialogue(
      { port: opened.port },
      `${hello}
      C: STARTTLS
      C: NOSUCHCOMMAND
      S: 220 ...
      C: <tls>
      C: NOOP
      S: 250 ...
    `,
    ).catch(() => undefined);
    expect(opened.refusals).toEqual([]);
  });

  it('is needed for MAIL where it is required', async () => {
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 530 5.7.0 ...
      C: STARTTLS now
      S: 501 ...
    `,
      { certificate, isTlsRequired: true },
    );
  });

  it('ends the connection when the handshake fails', async () => {
    const opened = await play(
      `${hello}
      C: STARTTLS
      S: 220 ...
      C: this is no handshake
      S: <closed>
    `,
      { certificate },
    );
    await expect.poll(() => opened.connections).toEqual({ opened: 1, closed: 1 });
  });
});

describe('LMTP', () => {
  it('answers once for each recipient', async () => {
    await play(
      `S: 220 mx.example.org LMTP
      C: EHLO client.example
      S: 500 ...
      C: LHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: DATA
      C: hi
      C: .
      C: QUIT
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 250 2.0.0 first
      S: 452 4.2.2 second
      S: 221 ...
    `,
      {
        protocol: 'lmtp',
        policy: {
          message: () => [{ reply: reply(250, '0.0', 'first') }, { reply: reply(452, '2.2', 'second') }],
        },
      },
    );
  });

  it('refuses a message for each recipient too', async () => {
    await play(
      `S: 220 ...
      C: LHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: a\\nb
      C: .
      S: 550 ...
      S: 550 ...
      S: <closed>
    `,
      { protocol: 'lmtp' },
    );
  });
});

describe('a policy that breaks its promise', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('is answered with 451 when it %s', async (_name, recipient) => {
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 451 4.3.0 ...
      S: <closed>
    `,
      { policy: { recipient: recipient as never } },
    );
  });

  it('answers 452 when the body can not be written', async () => {
    const failing = {
      sizeBytes: 0,
      write: () => true,
      drained: async () => {},
      finish: () => Promise.reject(new Error('disk full')),
      abort: async () => {},
    };
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: hi
      C: .
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 452 4.3.1 ...
      C: NOOP
      S: 250 ...
    `,
      { policy: { body: () => failing } },
    );
  });
});

describe('limits', () => {
  it('turns away connections above the limit with 421', async () => {
    const opened = await startTestReceiver({ limits: { connectionsPerAddressMax: 1 } });
    receiver = opened;
    const first = connect(opened.port, '127.0.0.1');
    await new Promise((resolve) => first.once('data', resolve));
    await playDialogue(
      { port: opened.port },
      `S: 421 4.7.0 too many connections from your address
      S: <closed>`,
    );
    first.destroy();
    await expect.poll(() => opened.connections.closed).toBe(1);
    await playDialogue({ port: opened.port }, 'S: 220 ...');
  });

  it('takes so many messages on one connection', async () => {
    const message = `
      C: MAIL FROM:<>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: hi
      C: .
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 250 ...`;
    await play(
      `${hello}${message}${message}
      C: MAIL FROM:<>
      S: 421 4.7.0 too many messages on this connection
      S: <closed>
    `,
      { limits: { messagesPerConnectionMax: 2 } },
    );
  });

  it('turns away who talks before the greeting, when asked to look', async () => {
    const clock = createVirtualClock();
    const opened = await startTestReceiver({ clock, greetingDelayMs: 1_000 });
    receiver = opened;
    const early = playDialogue(
      { port: opened.port },
      `C+ EHLO client.example\\r\\n
      S: 554 5.5.1 ...
      S: <closed>
    `,
    );
    const patient = playDialogue({ port: opened.port }, 'S: 220 ...');
    await expect.poll(() => clock.timers).toBe(3);
    // What was written has to arrive: both sides are in this process.
    for (let turn = 0; turn < 50; turn++) await clock.settle();
    await clock.advance(1_000);
    await Promise.all([early, patient]);
    expect(opened.connections.opened).toBe(1);
  });
});

describe('deadlines', () => {
  async function opened(script: string, options: TestReceiverOptions = {}) {
    const clock = createVirtualClock();
    const begun = await startTestReceiver({ clock, ...options });
    receiver = begun;
    const socket = connect(begun.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    const ended = new Promise((resolve) => socket.once('end', resolve));
    await expect.poll(() => text).toContain('220');
    socket.write(script);
    return { clock, begun, socket, ended, said: () => text };
  }

  it('ends a connection that is silent between commands', async () => {
    const { clock, ended, said } = await opened('NOOP\r\n');
    await expect.poll(said).toContain('250');
    await clock.advance(299_000);
    expect(said()).not.toContain('421');
    await clock.advance(5_000);
    await ended;
    expect(said()).toMatch(/421 4\.4\.2 time is up\r\n$/);
  });

  it('is not fooled by a command that comes an octet at a time', async () => {
    const { clock, socket, ended, said } = await opened('');
    for (let octets = 0; octets < 4; octets++) {
      socket.write('N');
      await clock.advance(100_000);
    }
    await ended;
    expect(said()).toContain('421 4.4.2');
  });

  it('ends a transfer that is too slow, however steady', async () => {
    const { clock, socket, ended, said } = await opened(
      'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n',
    );
    await expect.poll(said).toContain('354');
    for (let octets = 0; octets < 10; octets++) {
      socket.write('x\r\n');
      await clock.advance(10_000);
    }
    await ended;
    expect(said()).toContain('421 4.4.2 data comes too slowly');
  });

  it('ends a transaction that never comes to its message', async () => {
    const { clock, socket, ended, said } = await opened('EHLO c.example\r\nMAIL FROM:<>\r\n', {
      limits: { transactionTimeoutMs: 600_000 },
    });
    for (let count = 0; count < 7 && !said().includes('421'); count++) {
      socket.write('NOOP\r\n');
      await clock.advance(100_000);
    }
    await ended;
    expect(said()).toContain('421 4.4.2 time is up');
  });

  it('waits for policy for as long as it takes', async () => {
    let answer: (value: undefined) => void = () => {};
    const { clock, said } = await opened('EHLO c.example\r\n', {
      policy: {
        hello: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      },
    });
    await clock.advance(900_000);
    expect(said()).not.toContain('421');
    answer(undefined);
    await expect.poll(said).toContain('250 LIMITS');
  });

  it('leaves no timer behind once all connections are closed', async () => {
    const { clock, socket, begun } = await opened('QUIT\r\n');
    socket.on('end', () => socket.destroy());
    await expect.poll(() => begun.connections.closed).toBe(1);
    expect(clock.timers).toBe(0);
  });
});

describe('shutdown', () => {
  it('says 421 to idle connections, and lets running data finish first', async () => {
    const opened = await startTestReceiver();
    receiver = opened;
    const idle = playDialogue(
      { port: opened.port },
      `${hello}
      S: 421 4.3.2 shutting down
      S: <closed>`,
    );
    const busy = connect(opened.port, '127.0.0.1');
    let text = '';
    busy.on('data', (chunk) => {
      text += chunk.toString();
    });
    busy.write('EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nhalf');
    await expect.poll(() => text).toContain('354');
    opened.drain();
    await idle;
    const ended = new Promise((resolve) => busy.once('end', resolve));
    busy.write(' and whole\r\n.\r\n');
    await ended;
    expect(text).toMatch(/250 2\.0\.0 ok\r\n421 4\.3\.2 shutting down\r\n$/);
    expect(opened.messages[0]?.content).toBe('half and whole\r\n');
  });
});

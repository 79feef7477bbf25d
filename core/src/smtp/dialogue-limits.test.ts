import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { playDialogue } from '../testing/dialogue.js';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import type { TestReceiverOptions } from '../testing/test-receiver.js';
import { createVirtualClock } from '../testing/virtual-clock.js';

const { start, play, close } = createPlayedReceivers();

afterEach(close);

describe('limits', () => {
  it('turns away connections above the limit with 421', async () => {
    const opened = await start({ limits: { connectionsPerAddressMax: 1 } });
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
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: hi
      C: .
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
    const opened = await start({ clock, greetingDelayMs: 1_000 });
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
    const begun = await start({ clock, ...options });
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

  const envelope = 'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n';

  it.each([
    ['DATA\r\n', /354 .*\r\n$/],
    ['BDAT 100000 LAST\r\n', /(?:250 2.0.0 ok\r\n){2}$/],
  ])('ends a transfer that is too slow, however steady: %j', async (command, begun) => {
    const { clock, socket, ended, said } = await opened(envelope + command);
    await expect.poll(said).toMatch(begun);
    for (let octets = 0; octets < 10; octets++) {
      socket.write('x\r\n');
      await clock.advance(10_000);
    }
    await ended;
    expect(said()).toContain('421 4.4.2 data comes too slowly');
  });

  it('ends a transfer that was fast and goes silent', async () => {
    const { clock, begun, socket, ended, said } = await opened(`${envelope}DATA\r\n`);
    await expect.poll(said).toContain('354');
    const sent = new Promise((resolve) => socket.write(`${'x'.repeat(500_000)}\r\n`, resolve));
    await sent;
    // What another client is answered was read behind it.
    await playDialogue({ port: begun.port }, 'S: 220 ...\nC: NOOP\nS: 250 ...');
    await clock.advance(178_000);
    expect(said()).not.toContain('421');
    await clock.advance(5_000);
    await ended;
    expect(said()).toMatch(/421 4\.4\.2 time is up\r\n$/);
  });

  it('ends a connection that has lasted too long, whatever goes on', async () => {
    const limits = { connectionTimeoutMs: 600_000 };
    const { clock, socket, ended, said } = await opened('', { limits });
    for (let count = 0; count < 7 && !said().includes('421'); count++) {
      socket.write('NOOP\r\n');
      await clock.advance(100_000);
    }
    await ended;
    expect(said()).toContain('421 4.4.2 time is up');
  });

  it('ends a connection whose handshake does not come', async () => {
    const certificate = await makeTestCertificate();
    const { clock, begun, said } = await opened('EHLO c.example\r\nSTARTTLS\r\n', { certificate });
    await expect.poll(said).toMatch(/220 2\.0\.0 .*\r\n$/);
    await clock.advance(58_000);
    expect(begun.connections.closed).toBe(0);
    await clock.advance(5_000);
    await expect.poll(() => begun.connections.closed).toBe(1);
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

  it.each([86_400_000, -86_400_000, -1_700_000_000_000, 460_000_000_000])(
    'is not fooled by a clock that jumps by %d ms',
    async (byMs) => {
      const { clock, socket, said } = await opened('EHLO c.example\r\n');
      await expect.poll(said).toContain('250 LIMITS');
      clock.jump(1_700_000_000_000 + byMs);
      await clock.advance(290_000);
      socket.write('NOOP\r\n');
      await expect.poll(said).toMatch(/250 2\.0\.0 ok\r\n$/);
      await clock.advance(305_000);
      await expect.poll(said).toMatch(/421 4\.4\.2 time is up\r\n$/);
    },
  );

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
    await clock.advance(590_000);
    expect(said()).not.toContain('421');
    answer(undefined);
    await expect.poll(said).toContain('250 LIMITS');
  });

  it('gives up on policy that never answers, and takes no answer afterwards', async () => {
    let answer: (value: undefined) => void = () => {};
    const { clock, begun, ended, said } = await opened('EHLO c.example\r\n', {
      policy: {
        hello: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      },
    });
    await clock.advance(602_000);
    await ended;
    expect(said()).toMatch(/421 4\.3\.0 no answer in time, try again later\r\n$/);
    answer(undefined);
    await expect.poll(() => begun.connections.closed).toBe(1);
    expect(said()).not.toContain('PIPELINING');
    expect(clock.timers).toBe(0);
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
    const opened = await start();
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
    busy.write('EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
    await expect.poll(() => text).toContain('354');
    busy.write('half');
    opened.drain();
    await idle;
    const ended = new Promise((resolve) => busy.once('end', resolve));
    busy.write(' and whole\r\n.\r\n');
    await ended;
    expect(text).toMatch(/250 2\.0\.0 ok\r\n421 4\.3\.2 shutting down\r\n$/);
    expect(opened.messages[0]?.content).toBe('half and whole\r\n');
  });
});

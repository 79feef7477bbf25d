import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectionState } from '../context/connection.js';
import { playDialogue } from '../testing/dialogue.js';
import { testAuthenticator } from '../testing/test-authenticator.js';
import { startTestReceiver, type TestReceiver } from '../testing/test-receiver.js';
import { forwardedKey } from './command-xclient.js';

let receiver: TestReceiver | undefined;
const seen: { address: string; connection: ConnectionState }[] = [];

async function play(script: string, isTrustedForwarder?: (address: string) => boolean): Promise<void> {
  receiver = await startTestReceiver({
    ...(isTrustedForwarder === undefined ? {} : { isTrustedForwarder }),
    policy: {
      connect(connection) {
        seen.push({ address: connection.remoteAddress, connection });
        return undefined;
      },
    },
  });
  await playDialogue({ port: receiver.port }, script);
}

afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
  seen.length = 0;
});

describe('XCLIENT', () => {
  it('puts the named client in the place of the trusted one, greets anew, and is gone for that client', async () => {
    await play(
      `S: 220 ...
      C: EHLO filter.example
      S: ...
      S: 250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT
      S: 250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE
      C: XCLIENT ADDR=IPV6:2001:DB8::1 PORT=1234 NAME=[UNAVAILABLE] HELO=client.example
      S: 220 mx.example.org ESMTP
      C: XCLIENT ADDR=192.0.2.1
      S: 550 5.7.0 not allowed
      C: EHLO client.example
      S: ...
      S: 250 LIMITS ...
    `,
      (address) => address === '127.0.0.1' || address === '2001:db8::1',
    );
    expect(seen.map(({ address }) => address)).toEqual(['127.0.0.1', '2001:db8::1']);
    await expect.poll(() => receiver?.connections.closed).toBe(1);
  });

  it('says who has logged in, and where the client had connected to', async () => {
    await play(
      `S: 220 ...
      C: XCLIENT ADDR=192.0.2.1 LOGIN=alice+40example.org DESTADDR=192.0.2.25 DESTPORT=587
      S: 220 mx.example.org ESMTP
    `,
      () => true,
    );
    expect(seen.at(-1)?.connection).toMatchObject({
      remoteAddress: '192.0.2.1',
      localAddress: '192.0.2.25',
      localPort: 587,
      identity: { login: 'alice@example.org', mechanism: 'XCLIENT' },
    });
  });

  it('forgets who had logged in before it', async () => {
    receiver = await startTestReceiver({
      isTrustedForwarder: () => true,
      hasAuth: true,
      isPlaintextAuthAllowed: true,
      policy: {
        connect(at) {
          seen.push({ address: at.remoteAddress, connection: at });
          return undefined;
        },
        logins: testAuthenticator(async ({ mechanism }) => ({
          status: 'granted',
          identity: { accountId: 'ute', login: 'ute', mechanism },
        })),
      },
    });
    await playDialogue(
      { port: receiver.port },
      `S: 220 ...
      C: EHLO filter.example
      S: ...
      S: 250 XFORWARD ...
      C: AUTH PLAIN ${Buffer.from('\0ute\0x').toString('base64')}
      S: 235 ...
      C: XCLIENT ADDR=192.0.2.1
      S: 220 ...
    `,
    );
    expect(seen.at(-1)?.connection.remoteAddress).toBe('192.0.2.1');
    expect(seen.at(-1)?.connection.identity).toBeUndefined();
  });

  it.each([
    'ADDR=nowhere',
    'PORT=x',
    'PORT=65536',
    'DESTADDR=here',
    'DESTPORT=-1',
    'NOSUCH=eve',
    'ADDR',
    'HELO=a+0D+0Ab',
    '',
  ])('refuses %j', async (attributes) => {
    await play(
      `S: 220 ...
      C: XCLIENT ${attributes}
      S: 501 5.5.4 ...
    `,
      () => true,
    );
  });

  it('is refused to strangers, and within a transaction', async () => {
    await play(`S: 220 ...
      C: XCLIENT ADDR=192.0.2.1
      S: 550 5.7.0 ...
      C: XFORWARD ADDR=192.0.2.1
      S: 550 5.7.0 ...
    `);
    await receiver?.close();
    await play(
      `S: 220 ...
      C: HELO filter.example
      S: 250 ...
      C: MAIL FROM:<>
      S: 250 ...
      C: XCLIENT ADDR=192.0.2.1
      S: 503 ...
    `,
      () => true,
    );
  });
});

describe('XFORWARD', () => {
  it('is remembered for logs and changes nothing else', async () => {
    await play(
      `S: 220 ...
      C: XFORWARD NAME=client.example ADDR=192.0.2.1
      S: 250 ...
      C: XFORWARD IDENT=q+2B1 PORT=[UNAVAILABLE]
      S: 250 ...
    `,
      () => true,
    );
    const [{ connection } = { connection: undefined }] = seen;
    expect(connection?.get(forwardedKey)).toEqual({
      NAME: 'client.example',
      ADDR: '192.0.2.1',
      IDENT: 'q+1',
    });
    expect(connection?.remoteAddress).toBe('127.0.0.1');
  });
});

/** No password is told to an LDAP server whose certificate can't be believed, and nobody's login is refused for it. */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { makeTestCertificate, startTestDirectory } from '@postroad/core/testing';
import { afterEach, expect, test } from 'vitest';
import { authLdap } from '../src/index.js';

const reasons: Readonly<Record<string, RegExp>> = {
  expired: /expired/,
  'not valid yet': /not yet valid/,
  'for another name': /not in the cert's list/,
  'of an unknown authority': /self-signed/,
};
const yearMs = 365 * 86_400_000;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The octets that arrive within TLS; before it, StartTLS is said yes to. */
async function serve(kind: 'ldaps' | 'StartTLS', pair: { key: string; cert: string }, host: string) {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const listen = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server =
    kind === 'ldaps'
      ? createTlsServer(pair, (socket) => listen(socket).on('data', (chunk) => heard.push(chunk)))
      : createServer((socket) => {
          listen(socket).once('data', (chunk: Buffer) => {
            // RFC 4511 section 4.14.2: an extended response with success, for the same message.
            const id = chunk[4] ?? 1;
            socket.write(
              Buffer.from([0x30, 0x0c, 0x02, 0x01, id, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]),
            );
            const secured = new TLSSocket(socket, { isServer: true, ...pair });
            listen(secured).on('data', (inner) => heard.push(inner));
          });
        });
  if (kind === 'ldaps') server.on('connection', listen);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, host, () => resolve()));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const name = host === '127.0.0.1' ? 'localhost' : host;
  return { url: `${kind === 'ldaps' ? 'ldaps' : 'ldap'}://${name}:${port}`, heard };
}

test.each(['ldaps', 'StartTLS'] as const)('over %s', async (kind) => {
  const now = new Date().getTime();
  const good = await makeTestCertificate({ hostname: 'localhost' });
  const cases = {
    expired: await makeTestCertificate({ hostname: 'localhost', nowMs: now - 15 * yearMs }),
    'not valid yet': await makeTestCertificate({ hostname: 'localhost', nowMs: now + yearMs }),
    // It is for 127.0.0.1, and not for where it is asked.
    'for another name': await makeTestCertificate({ hostname: 'elsewhere.example' }),
    'of an unknown authority': good,
  };
  for (const [name, pair] of Object.entries(cases)) {
    const { url, heard } = await serve(kind, pair, name === 'for another name' ? '127.0.0.2' : '127.0.0.1');
    // The certificate is its own authority; the last one's is another.
    const tlsCa = pair === good ? cases.expired.cert : pair.cert;
    const options = {
      urls: [url],
      tlsCa,
      base: 'dc=example',
      bindDn: 'cn=manager',
      bindPassword: 'deep secret',
    };
    const plugin = authLdap({ ...options, startTls: kind !== 'ldaps' });
    const { directory, close } = await startTestDirectory(plugin);
    closing.push(close);
    const login = directory.verifyPassword('alice@example.org', 'secret');
    await expect(login, name).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await expect(login, name).rejects.toThrow(reasons[name]);
    expect(Buffer.concat(heard).toString('latin1'), name).toBe('');
  }
});

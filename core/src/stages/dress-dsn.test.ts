import { afterEach, describe, expect, it } from 'vitest';
import { readBody } from '../body/body.js';
import { withHeaderSection } from '../body/with-header.js';
import { definePlugin } from '../plugin/define.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { reply } from '../values/reply.js';
import { accept } from '../values/verdict.js';

let server: TestMta | undefined;
afterEach(() => server?.stop());

/** Sends a message that fails, and gives the notification as it would go over the wire. */
async function notificationOf(plugin: ReturnType<typeof definePlugin<undefined>>): Promise<string> {
  const wire: string[] = [];
  const world = definePlugin({
    name: 'deliver-world',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'custom', name: 'world', target: 'x' }));
      tap('deliver', async ({ message, recipients }) => {
        const isDsn = message.reversePath === null;
        if (isDsn) wire.push(message.headerPrefix + (await readBody(message.body, 1_000_000)).toString());
        const said = isDsn ? reply(250, '0.0', 'ok') : reply(550, '1.1', 'nobody');
        return {
          outcomes: recipients.map(({ index }) => ({
            index,
            status: isDsn ? 'delivered' : 'failed',
            reply: said,
          })),
        };
      });
    },
  });
  server = await startTestMta({ plugins: [world(), plugin()] });
  await server.mta.submit(
    { reversePath: 'a@example.org', recipients: ['b@example.net'] },
    'Subject: x\r\n\r\nhello\r\n',
  );
  await expect.poll(() => wire.length, { timeout: 10_000 }).toBe(1);
  return wire[0] ?? '';
}

describe('a notification', () => {
  it('goes through the hooks of content and header as a message from code', async () => {
    const seen: unknown[] = [];
    const wire = await notificationOf(
      definePlugin({
        name: 'sign-all',
        setup({ tap }) {
          tap('content', (message, _findings, body) => {
            if (message.transaction.reversePath !== null) return undefined;
            const changed = withHeaderSection(
              body,
              Buffer.from(`X-Content: 1\r\n${Buffer.from(body.headerBytes)}`),
            );
            message.adopt(changed);
            return changed;
          });
          tap('header', (message, _findings, prefix) => {
            const { connection, recipients } = message.transaction;
            if (message.envelope.reversePath === null)
              seen.push(connection.protocol, connection.listener, recipients.length);
            return [{ name: 'X-Signature', value: String(message.body.sizeBytes) }, ...prefix];
          });
        },
      }),
    );
    expect(seen).toEqual(['code', 'dsn', 1]);
    const [prefix = '', rest = ''] = wire.split(/(?<=^X-Signature: .*\r\n)/);
    expect(prefix).toBe(`X-Signature: ${Buffer.byteLength(rest)}\r\n`);
    expect(rest).toMatch(/^X-Content: 1\r\nDate: /);
    expect(rest).toContain('multipart/report');
  });

  it('goes out as it was when a hook fails', async () => {
    const wire = await notificationOf(
      definePlugin({
        name: 'sign-broken',
        setup({ tap }) {
          tap('header', (message) => {
            if (message.envelope.reversePath === null) throw new Error('broken');
            return undefined;
          });
        },
      }),
    );
    expect(wire).toMatch(/^Date: /);
  });
});

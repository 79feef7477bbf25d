/** The plugin as its author runs it: loaded from TypeScript by the `postroad` command. */
import { fileURLToPath } from 'node:url';
import Pop3Command from 'node-pop3';
import { expect, it } from 'vitest';
import { poll } from '../../testing/poll.js';
import { runToolWell } from '../../testing/run-tool.js';
import { openSmtp } from '../../testing/smtp-client.js';
import { startProgram } from '../../testing/start-program.js';

const postroad = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const directory = fileURLToPath(new URL('..', import.meta.url));
const slow = { timeout: 300_000 };

it('is loaded without a build and decides about messages', slow, async () => {
  await using server = startProgram(postroad, ['start', '--json', '--config', directory], {
    environment: { SMTP_PORT: '0', POP3_PORT: '0' },
  });
  const [started] = await server.whenSaid(/^\{.*"started":\s*true.*\}$/m);
  const { listeners } = JSON.parse(started) as { listeners: { listener: string; port: number }[] };
  const portOf = (name: string) => listeners.find(({ listener }) => listener === name)?.port ?? 0;

  const client = await openSmtp(portOf('smtp'));
  await client.say('EHLO client.test');
  const send = async (subject: string): Promise<string> => {
    for (const line of ['MAIL FROM:<you@example.net>', 'RCPT TO:<alice@example.org>', 'DATA'])
      await client.say(line);
    return client.say(`Subject: ${subject}\r\n\r\nHello.\r\n.`);
  };
  expect(await send('Give me that')).toBe('550 5.7.1 say please or thank you');
  expect(await send('A word, PLEASE')).toMatch(/^250 2\.0\.0 /);
  client.close();

  const reader = {
    host: '127.0.0.1',
    port: portOf('pop3'),
    user: 'alice@example.org',
    password: 'wonderland',
  };
  const message = await poll('the polite message arrives', async () => {
    const pop3 = new Pop3Command(reader);
    const found = (await pop3.UIDL()).length > 0 ? await pop3.RETR(1) : undefined;
    await pop3.QUIT();
    return found;
  });
  expect(message).toMatch(/^X-Manners: good\r$/m);
  expect(await server.end()).toEqual({ status: 0, signal: null });
});

it('is named by explain, with the hooks that it answers', slow, async () => {
  const explained = await runToolWell(process.execPath, [postroad, 'explain', '--config', directory]);
  expect(explained.toString()).toMatch(/message[\s\S]*check-manners/);
});

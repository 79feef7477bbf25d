import { afterEach, expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { accept } from '../values/verdict.js';

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const takeAll = definePlugin({ name: 'take-all', setup: ({ tap }) => tap('recipient', () => accept()) });
const received = (count: number) =>
  Array.from({ length: count }, (_, at) => `rEceived: from s${at}\r\n by t`);

async function start(): Promise<TestMta> {
  server = await startTestMta({
    plugins: [takeAll()],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', limits: { hopsMax: 3 } }],
  });
  return server;
}

it.each([
  [3, '250 2.0.0 ...'],
  [4, '554 5.4.6 ...'],
])('a message that has passed %d servers, where 3 are allowed, hears %s', async (count, answer) => {
  const header = received(count)
    .map((field) => field.replace('\r\n', '\nC: '))
    .join('\nC: ');
  await playDialogue(
    { port: (await start()).port('relay') },
    `S: 220 ...
    C: HELO client.test
    S: 250 ...
    C: MAIL FROM:<a@b.test>
    S: 250 ...
    C: RCPT TO:<c@d.test>
    S: 250 ...
    C: DATA
    S: 354 ...
    C: ${header}
    C: X-Received: no
    C:
    C: Received: not a header field
    C: .
    S: ${answer}`,
  );
});

it('holds for messages from code too', async () => {
  const { mta } = await start();
  const envelope = { reversePath: 'a@b.test', recipients: ['c@d.test'] };
  const content = (count: number) => `${received(count).join('\r\n')}\r\n\r\nhi\r\n`;
  await mta.submit(envelope, content(100));
  await expect(mta.submit(envelope, content(101))).rejects.toMatchObject({ reply: { code: 554 } });
});

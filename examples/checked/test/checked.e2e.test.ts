/** The whole list of checks, as an operator runs it: with a real rspamd, a DNS server, and a mail program. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DnsServer,
  freePort,
  missingProgram,
  type Program as OutsideProgram,
  startDnsServer,
  startProgram as startOutside,
} from '@postroad/core/testing';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runTool } from '../../testing/run-tool.js';
import { openSmtp } from '../../testing/smtp-client.js';
import { type Program, startProgram } from '../../testing/start-program.js';
import { messageOf, senderAddress, zones } from './senders.js';

// Processes start in their own time, on a busy machine more so.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const postroad = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const example = fileURLToPath(new URL('..', import.meta.url));
const missing = missingProgram('/usr/bin/rspamd', 'rspamd');

let directory: string;
let dns: DnsServer;
let rspamd: OutsideProgram | undefined;
let server: Program;
let environment: Record<string, string>;
let ports: { smtp: number; imap: number };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'checked-'));
  dns = await startDnsServer(zones);
  const port = await freePort();
  if (missing === undefined) rspamd = await startRspamd(port);
  environment = {
    SMTP_PORT: '0',
    IMAP_PORT: '0',
    DATA: join(directory, 'data'),
    DNS: dns.address,
    PROXIES: '127.0.0.1',
    ...(rspamd === undefined ? {} : { RSPAMD: `http://127.0.0.1:${port}` }),
  };
  server = startProgram(postroad, ['start', '--json', '--config', example], { environment });
  const [started] = await server.whenSaid(/^\{.*"started":\s*true.*\}$/m);
  const { listeners } = JSON.parse(started) as { listeners: { listener: string; port: number }[] };
  const portOf = (name: string) => listeners.find(({ listener }) => listener.includes(name))?.port ?? 0;
  ports = { smtp: portOf('smtp'), imap: portOf('imap') };
});
afterAll(async () => {
  await server?.end();
  await rspamd?.stop();
  await dns?.close();
  await rm(directory, { recursive: true, force: true });
});

/** One rule of our own: a subject that it does not like. */
async function startRspamd(port: number): Promise<OutsideProgram> {
  const at = (name: string) => join(directory, name);
  await writeFile(
    at('rules.lua'),
    `rspamd_config:register_symbol({ name = 'TEST_SUSPECT', type = 'normal', score = 9, callback = function(task)
      return (task:get_subject() or ''):find('suspect') ~= nil, 1.0
    end })\n`,
  );
  await writeFile(at('suffixes'), 'com\nexample\nnet\norg\n');
  await writeFile(
    at('rspamd.conf'),
    `options {
  filters = ""; temp_dir = "${directory}"; cache_file = "${at('symbols.cache')}"; hs_cache_dir = "${directory}";
  control_socket = "${at('rspamd.sock')} mode=0600"; url_tld = "${at('suffixes')}";
  dns { nameserver = "127.0.0.1:9"; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "error"; }
actions { reject = 30; add_header = 20; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
lua = "${at('rules.lua')}";
`,
  );
  return await startOutside({
    command: '/usr/bin/rspamd',
    args: ['--no-fork', '--insecure', '--config', at('rspamd.conf')],
    cwd: directory,
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/ping`)).ok,
  });
}

/** What a client at an address hears of its message. */
async function send(message: string, address = senderAddress, helo = 'mail.sender.example'): Promise<string> {
  const client = await openSmtp(ports.smtp);
  try {
    await client.say('EHLO proxy.test');
    await client.say(`XCLIENT ADDR=${address}`);
    await client.say(`EHLO ${helo}`);
    for (const line of ['MAIL FROM:<ann@sender.example>', 'RCPT TO:<bob@example.org>', 'DATA']) {
      const answer = await client.say(line);
      if (/^[45]/.test(answer)) return answer;
    }
    return await client.say(`${message}.`);
  } finally {
    client.close();
  }
}

async function openImap(): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: ports.imap,
    secure: false,
    doSTARTTLS: false,
    auth: { user: 'bob@example.org', pass: 'builder' },
    logger: false,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The message of a subject in a mailbox, once it is there. */
async function read(mailbox: string, subject: string): Promise<string> {
  const client = await openImap();
  try {
    const find = async () => {
      await client.mailboxOpen(mailbox);
      for await (const { source } of client.fetch('1:*', { source: true })) {
        const text = source?.toString() ?? '';
        if (text.includes(`Subject: ${subject}\r\n`)) return text;
      }
      return undefined;
    };
    return await vi.waitUntil(find, { timeout: 60_000, interval: 50 });
  } finally {
    await client.logout();
  }
}

/** What a command of `postroad` prints. */
async function run(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runTool(
    process.execPath,
    [postroad, ...args, '--config', example],
    { environment },
  );
  if (status !== 0) throw new Error(`${args.join(' ')}: ${status}\n${stderr}${stdout}`);
  return stdout.toString();
}

it('explains who is asked when, with thresholds', async () => {
  const explained = await run('explain');
  const message = explained.slice(explained.search(/^ *message/m));
  const order = ['check-dmarc-policy', 'check-content', 'check-greylist', 'check-score'];
  const places = order.map((name) => message.indexOf(name));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(explained).toContain('Junk from 5, 550 from 15; 451 when a check failed');
  expect(explained).toMatch(/credentials[\s\S]*check-login-abuse/);
});

it.skipIf(missing !== undefined)(
  'a proven sender gets through, with every result in its header',
  async () => {
    expect(await send(await messageOf('good news', 'See you on Friday.'))).toMatch(/^250 /);
    const text = await read('INBOX', 'good news');
    const results = /^Authentication-Results: ([\s\S]*?)\r\n(?!\s)/m.exec(text)?.[1] ?? '';
    for (const result of ['iprev=pass', 'spf=pass', 'dkim=pass', 'dmarc=pass'])
      expect(results).toContain(result);
    expect(text).toMatch(/^X-Spam-Status: No, score=-/m);
    expect(text).toMatch(/dmarc\/pass -0\.5/);
  },
);

it('a forged sender is refused for good, and the log names plugin, rule and reason', async () => {
  const forged = await messageOf('pay me', 'Transfer it now.', false);
  expect(await send(forged, '198.51.100.7', 'bad.example')).toMatch(/^550 5\.7\.1 /);
  const [line] = await server.whenSaid(/^(?=.*"event":"refused").*"plugin":"check-dmarc-policy".*$/m);
  expect(JSON.parse(line)).toMatchObject({
    at: 'message',
    rule: expect.any(String),
    reason: expect.any(String),
  });
});

it.skipIf(missing !== undefined)('what rspamd suspects goes to Junk, by the sum, and says so', async () => {
  expect(await send(await messageOf('a suspect offer', 'Hello.'))).toMatch(/^250 /);
  const text = await read('Junk', 'a suspect offer');
  expect(text).toMatch(/^X-Spam-Flag: YES\r$/m);
  expect(text).toMatch(/^X-Spam-Status: Yes, score=\d/m);
  expect(text).toContain('rspamd/TEST_SUSPECT 9');
  expect(text).toContain('spf=pass');
});

it.skipIf(missing !== undefined)('try says the same of a message without taking it', async () => {
  const file = join(directory, 'message.eml');
  await writeFile(file, await messageOf('another suspect offer', 'Hello.'));
  const sender = ['--from', 'ann@sender.example', '--to', 'bob@example.org'];
  const client = ['--ip', senderAddress, '--helo', 'mail.sender.example'];
  const tried = await run('try', ...sender, ...client, file);
  expect(tried).toMatch(/9 {2}rspamd TEST_SUSPECT/);
  expect(tried).toMatch(/check-reputation/);
  expect(tried).toMatch(/message {2}check-score {2}quarantine.*junk at 5/);
  expect(tried).toMatch(/Authentication-Results: mail\.example\.org;[\s\S]*dmarc=pass/);
  expect(tried).toMatch(/X-Spam-Flag: YES/);
});

it('moves into and out of Junk by a mail program teach the classifier', async () => {
  /** How many messages of each kind the log says were learnt. */
  const learnt = () => {
    const counts = { spam: 0, ham: 0 };
    for (const line of server
      .said()
      .split('\n')
      .filter((text) => /"(?:event|msg)":"learnt"/.test(text))) {
      const { kind, messages } = JSON.parse(line) as { kind: 'spam' | 'ham'; messages: number };
      counts[kind] += messages;
    }
    return counts;
  };
  const client = await openImap();
  for (const at of [1, 2, 3, 4]) {
    await client.append('INBOX', `Subject: lottery ${at}\r\n\r\nYou win prize number ${at} today.\r\n`);
    await client.append('Junk', `Subject: minutes ${at}\r\n\r\nThe agenda of meeting ${at} is here.\r\n`);
  }
  await client.mailboxOpen('INBOX');
  await client.messageMove({ subject: 'lottery' }, 'Junk');
  await client.mailboxOpen('Junk');
  await client.messageMove({ subject: 'minutes' }, 'INBOX');
  await expect.poll(learnt, { timeout: 60_000 }).toEqual({ spam: 4, ham: 4 });
  // Whoever changes their mind takes back what they taught.
  await client.messageMove({ subject: 'lottery 1' }, 'INBOX');
  await expect.poll(learnt, { timeout: 60_000 }).toEqual({ spam: 4, ham: 5 });
  expect(await run('spam', 'status')).toMatch(/server\s+3\s+5\s/);
  await client.logout();
});

it.skipIf(missing !== undefined)(
  'without rspamd nothing gets through unjudged: it is to come again',
  async () => {
    await rspamd?.stop();
    expect(await send(await messageOf('good news again', 'See you.'))).toMatch(/^451 4\./);
  },
);

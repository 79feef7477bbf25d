/** Messages with everything that should not be in them, through a whole server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { accept, definePlugin, type Finding } from '@postroad/core';
import { filesUnder, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CheckContentOptions, type ContentRule, checkContent } from '../src/index.js';
import { makeZip } from './make-zip.js';

let directory = '';
let server: TestMta | undefined;
let findings: readonly Finding[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-content-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  // Whatever happened, nothing that was unpacked is left behind.
  expect(await filesUnder(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});

const others = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
    tap('message', (_message, found) => {
      findings = found;
      return undefined;
    });
  },
});

async function start(options: CheckContentOptions = {}): Promise<void> {
  server = await startTestMta({
    plugins: [others(), checkContent({ who: 'all', ...options })],
    spool: { directory, inlineOctetsMax: 16_384 },
  });
}

/** The answer to a message, with the results found. */
async function send(content: string): Promise<{ code: number; hits: readonly string[] }> {
  findings = [];
  const envelope = { reversePath: 'a@example.org', recipients: ['bob@example.net'] };
  const code = await (server as TestMta).mta.submit(envelope, content).then(
    () => 250,
    (error: { reply?: { code: number } }) => error.reply?.code ?? 0,
  );
  return { code, hits: findings.map(({ result, text }) => `${result}: ${text}`) };
}

const header = () => `From: a@example.org\r\nDate: ${new Date().toUTCString()}\r\nSubject: x\r\n`;

/** A message with attachments. */
function withFiles(
  files: readonly { name: string; content: Uint8Array | string; type?: string; field?: string }[],
): string {
  const parts = files.map(({ name, content, type = 'application/octet-stream', field }) => {
    const lines = Buffer.from(content as Uint8Array)
      .toString('base64')
      .replace(/(.{76})/g, '$1\r\n');
    const disposition = field ?? `attachment; filename="${name}"`;
    return `--b\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ${disposition}\r\n\r\n${lines}\r\n`;
  });
  return `${header()}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n${parts.join('')}--b--\r\n`;
}

describe('header', () => {
  test('a complete message has no finding', async () => {
    await start();
    expect(await send(`${header()}\r\nhello\r\n`)).toEqual({ code: 250, hits: [] });
  });

  test('missing and repeated fields', async () => {
    await start({ requiredFields: ['from', 'message-id', 'to'], missingField: 4 });
    const { code, hits } = await send(`${header()}Subject: again\r\nFrom: b@example.org\r\n\r\nx\r\n`);
    expect(code).toBe(250);
    expect(hits).toEqual(['missingField: message-id, to', 'repeatedField: from, subject']);
    expect(findings[0]?.score).toBe(4);
  });

  test.each([
    ['Mon, 1 Jan 1990 00:00:00 +0000', true],
    ['yesterday', true],
    [new Date(Date.now() + 5 * 86_400_000).toUTCString(), true],
    [`${new Date().toUTCString()} (a comment)`, false],
  ])('the date %s', async (date, isBad) => {
    await start({ badDate: 'reject' });
    expect((await send(`From: a@example.org\r\nDate: ${date}\r\n\r\nx\r\n`)).code).toBe(isBad ? 550 : 250);
  });
});

const program = Buffer.concat([Buffer.from('MZ'), randomBytes(3_000)]);
const pdf = '%PDF-1.4 ...';

describe('attachments', () => {
  test.each([
    ['invoice.pdf.exe', undefined],
    ['INVOICE.EXE. ', undefined],
    ['x', `attachment; filename*=UTF-8''inv%6Fice.%65xe`],
    ['x', 'attachment; filename*0="in"; filename*1="voice.e"; filename*2="xe"'],
    ['x', 'attachment; filename="=?utf-8?B?aW52b2ljZS5leGU=?="'],
    ['x', 'attachment; filename="..\\\\..\\\\invoice.exe"'],
  ])('a banned name is refused however it is written: %s %s', async (name, field) => {
    await start();
    const { code, hits } = await send(
      withFiles([{ name, content: 'text', ...(field === undefined ? {} : { field }) }]),
    );
    expect(code).toBe(550);
    expect(hits[0]).toMatch(/^bannedName: /);
    expect(server?.logged.find(({ event }) => event === 'refused')?.fields).toMatchObject({
      plugin: 'check-content',
      rule: 'bannedName',
    });
  });

  test('a program is refused whatever it is called', async () => {
    await start();
    const { code, hits } = await send(
      withFiles([{ name: 'report.pdf', content: program, type: 'application/pdf' }]),
    );
    expect(code).toBe(550);
    expect(hits).toEqual(['bannedType: report.pdf', 'disguised: report.pdf']);
  });

  test('what is what it says is let through', async () => {
    await start();
    const files = [
      { name: 'report.pdf', content: pdf },
      { name: 'notes.txt', content: 'hello' },
      { name: 'report.docx', content: makeZip([{ name: 'word/document.xml', content: '<xml/>' }]) },
    ];
    expect(await send(withFiles(files))).toEqual({ code: 250, hits: [] });
  });

  test('sizes, parts and depth', async () => {
    await start({ attachmentBytesMax: 50_000, partsMax: 5, depthMax: 3 });
    expect((await send(withFiles([{ name: 'a.bin', content: randomBytes(49_000) }]))).code).toBe(250);
    const large = await send(withFiles([{ name: 'a.bin', content: randomBytes(60_000) }]));
    expect(large).toMatchObject({
      code: 550,
      hits: [expect.stringMatching(/^tooMuch: a\.bin of \d+ octets$/)],
    });
    const many = Array.from({ length: 6 }, (_, at) => ({ name: `${at}.txt`, content: 'x' }));
    expect((await send(withFiles(many))).hits).toEqual(['tooMuch: 8 parts']);
    let deep = 'Content-Type: text/plain\r\n\r\nx\r\n';
    for (let at = 0; at < 200; at++)
      deep = `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n${deep}\r\n--b${at}--\r\n`;
    expect((await send(header() + deep)).hits.join()).toMatch(/tooMuch: .*deep/);
  });
});

describe('archives', () => {
  const zipped = (files: Parameters<typeof makeZip>[0], name = 'a.zip') =>
    withFiles([{ name, content: makeZip(files) }]);

  test('names and real types inside, also of archives in archives', async () => {
    await start();
    expect((await send(zipped([{ name: 'docs/run.vbs', content: 'x' }]))).hits).toEqual([
      'bannedName: a.zip > run.vbs',
    ]);
    const inner = makeZip([
      { name: 'fine.txt', content: 'x' },
      { name: 'report.pdf', content: program },
    ]);
    const { code, hits } = await send(zipped([{ name: 'inner.dat', content: inner }]));
    expect(code).toBe(550);
    expect(hits).toEqual([
      'bannedType: a.zip > inner.dat > report.pdf',
      'disguised: a.zip > inner.dat > report.pdf',
    ]);
    // Behind octets of something else it is an archive still, when it is called one.
    const hidden = Buffer.concat([Buffer.from('%PDF-1.4\n'), makeZip([{ name: 'run.exe', content: 'x' }])]);
    expect((await send(withFiles([{ name: 'x.zip', content: hidden }]))).code).toBe(550);
    const large = makeZip([
      { name: 'big.bin', content: randomBytes(100_000) },
      { name: 'run.exe', content: 'x', isStored: true },
    ]);
    expect((await send(withFiles([{ name: 'a.zip', content: large }]))).hits).toEqual([
      'bannedName: a.zip > run.exe',
    ]);
  });

  test('encrypted, broken, opaque and with macros', async () => {
    await start();
    expect((await send(zipped([{ name: 'a.txt', content: 'x', isEncrypted: true }]))).hits).toEqual([
      'encryptedArchive: a.zip encrypted',
    ]);
    const whole = makeZip([{ name: 'a.txt', content: 'x' }]);
    for (const broken of [
      whole.subarray(0, 20),
      whole.subarray(0, -30),
      Buffer.concat([whole.subarray(0, 40), randomBytes(30)]),
    ])
      expect((await send(withFiles([{ name: 'a.zip', content: broken }]))).hits).toEqual([
        'brokenArchive: a.zip broken',
      ]);
    const garbage = zipped([{ name: 'a.txt', content: '', packed: Buffer.from('garbage'), sizeBytes: 9 }]);
    expect((await send(garbage)).hits).toEqual(['brokenArchive: a.zip broken']);
    expect((await send(withFiles([{ name: 'a.rar', content: 'Rar!....' }]))).hits).toEqual([
      'opaqueArchive: a.rar opaque',
    ]);
    expect((await send(zipped([{ name: 'word/vbaProject.bin', content: 'x' }], 'a.docm'))).hits).toEqual([
      'macros: a.docm > vbaProject.bin',
    ]);
  });

  test('a file of gigabytes is not unpacked; archives that unpack to gigabytes end at the bound', async () => {
    await start({ unpackedBytesMax: 1_000_000 });
    const zeros = deflateRawSync(Buffer.alloc(20_000_000));
    const flat = zipped([{ name: 'zeros.bin', content: '', packed: zeros, sizeBytes: 2_000_000_000 }]);
    expect((await send(flat)).code).toBe(250);
    const bomb = deflateRawSync(
      Buffer.concat([makeZip([{ name: 'x', content: 'x' }]), Buffer.alloc(20_000_000)]),
    );
    const nested = zipped([{ name: 'inner.zip', content: '', packed: bomb, sizeBytes: 1_000 }]);
    expect(await send(nested)).toEqual({ code: 550, hits: ['bomb: a.zip tooBig'] });
  });

  test('archives inside each other end at the bound, and so does a directory without end', async () => {
    await start({ archiveDepthMax: 3, archiveEntriesMax: 50 });
    let inner = makeZip([{ name: 'x.txt', content: 'x' }]);
    for (let at = 0; at < 6; at++) inner = makeZip([{ name: `${at}.zip`, content: inner }]);
    expect(await send(withFiles([{ name: 'a.zip', content: inner }]))).toEqual({
      code: 550,
      hits: ['bomb: a.zip > 5.zip > 4.zip > 3.zip tooDeep'],
    });
    const many = Array.from({ length: 100 }, (_, at) => ({ name: `${at}.txt`, content: 'x' }));
    expect((await send(zipped(many))).hits).toEqual(['bomb: a.zip tooMany']);
  });

  test('an archive whose files are all the same octets, and claim more than there is, ends', async () => {
    await start();
    const inner = makeZip([
      { name: 'self.zip', content: 'PK\x03\x04', isStored: true, sizeBytes: 4_000_000_000 },
    ]);
    const loop = makeZip([{ name: 'a.zip', content: inner, isStored: true, sizeBytes: 4_000_000_000 }]);
    expect((await send(withFiles([{ name: 'a.zip', content: loop }]))).hits).toEqual([
      'brokenArchive: a.zip > a.zip > self.zip broken',
    ]);
    expect(server?.logged.filter(({ event }) => event === 'tap failed')).toEqual([]);
  });

  test('octets of any kind never break it', async () => {
    await start();
    const whole = makeZip([
      { name: 'a.txt', content: 'hello hello hello' },
      { name: 'b.zip', content: makeZip([{ name: 'c.txt', content: 'x' }]) },
    ]);
    for (let at = 4; at < whole.length; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0xff;
      const { code } = await send(withFiles([{ name: 'a.zip', content: damaged }]));
      expect([250, 550]).toContain(code);
    }
    expect(server?.logged.filter(({ event }) => event === 'tap failed')).toEqual([]);
  });
});

test('rules of users are functions of the facts', async () => {
  const rule: ContentRule = {
    name: 'noInvoices',
    description: 'attachments called invoice',
    check: ({ attachments, parts }) => {
      const found = attachments.filter(({ name }) => /invoice/i.test(name));
      return found.map(({ name }) => ({
        action: 'quarantine',
        reason: `${name}, one of ${parts.length} parts`,
      }));
    },
  };
  await start({ rules: [rule] });
  expect((await send(withFiles([{ name: 'Invoice.pdf', content: pdf }]))).hits).toEqual([
    'noInvoices: Invoice.pdf, one of 3 parts',
  ]);
  expect(server?.logged.find(({ event }) => event === 'marked')?.fields.rule).toBe('noInvoices');
});

test('a rule that throws defers, or is skipped by name', async () => {
  const rule: ContentRule = {
    name: 'broken',
    check: () => {
      throw new Error('a mistake');
    },
  };
  await start({ rules: [rule] });
  expect((await send(`${header()}\r\nx\r\n`)).code).toBe(451);
  await server?.stop();
  await start({ rules: [rule], onError: 'skip' });
  expect((await send(`${header()}\r\nx\r\n`)).code).toBe(250);
});

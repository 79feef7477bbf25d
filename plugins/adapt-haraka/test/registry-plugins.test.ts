/** Plugins of Haraka from the registry, unmodified: the visible effect of each. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { startScriptedPeer } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { contentOf, packaged, send } from './haraka.js';

it('access refuses senders and recipients on its lists', async () => {
  const { answers } = await send(
    {
      plugins: [packaged('access')],
      files: {
        'mail_from.access.blacklist': 'mallory@example.net\n',
        'rcpt_to.access.blacklist_regex': 'spamtrap.*@example\\.org\n',
      },
    },
    { from: 'mallory@example.net' },
    { to: ['spamtrap7@example.org', 'bob@example.org'] },
  );
  expect(answers[0]?.mail).toMatch(/^550 5\.7\.1 .*cannot send mail here/);
  expect(answers[1]?.recipients[0]).toMatch(/^550 5\.7\.1 .*not allowed/);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

it('headers refuses messages without the fields that must be there', async () => {
  const scene = {
    plugins: [packaged('headers')],
    files: { 'headers.ini': '[reject]\nmissing_required=true\n' },
  };
  const { answers } = await send(
    scene,
    { content: 'Subject: x\r\n\r\nhi\r\n' },
    { content: contentOf('Subject: x\r\n') },
  );
  expect(answers[0]?.outcome).toMatch(/^550 .*[Rr]equired header/);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

it('helo.checks refuses a bare address as name', async () => {
  const files = {
    'helo.checks.ini':
      '[check]\nforward_dns=false\nrdns_match=false\n[reject]\nbare_ip=true\n[skip]\nprivate_ip=false\n',
  };
  const { answers } = await send(
    { plugins: [packaged('helo.checks')], files },
    { helo: '192.0.2.1' },
    { helo: 'client.example.net' },
  );
  expect(answers[0]?.hello).toMatch(/^5\d\d /);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

it('bounce refuses a bounce to several recipients', async () => {
  const both = ['bob@example.org', 'carol@example.org'];
  const { answers } = await send(
    { plugins: [packaged('bounce')] },
    { from: '', to: both, content: contentOf('Subject: x\r\n') },
    { from: 'alice@example.net', to: both, content: contentOf('Subject: x\r\n') },
  );
  expect(answers[0]?.data).toMatch(/^550 /);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

const attached = (name: string) =>
  contentOf(
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n',
    `--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/octet-stream; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=\r\n--b--\r\n`,
  );

it('attachment refuses names that it does not like', async () => {
  const { answers } = await send(
    { plugins: [packaged('attachment')], files: { 'attachment.filename.regex': '\\.exe$\n' } },
    { content: attached('game.exe') },
    { content: attached('report.txt') },
  );
  expect(answers[0]?.outcome).toMatch(/^550 5\.7\.1 .*disallowed file extension/);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

it('relay lets listed networks send anywhere, and nobody else', async () => {
  const scene = { plugins: [packaged('relay')], isOpen: false };
  const open = await send(
    { ...scene, files: { relay_acl_allow: '127.0.0.0/8\n' } },
    { to: ['bob@far.example'] },
  );
  expect(open.outcome).toMatch(/^250 /);
  const closed = await send(
    { ...scene, files: { relay_acl_allow: '192.0.2.0/24\n' } },
    { to: ['bob@far.example'] },
  );
  expect(closed.outcome).toMatch(/^550 5\.7\.1 relaying denied/);
});

it('aliases sends on, and drops', async () => {
  const aliases = {
    sales: { action: 'alias', to: ['bob@example.org', 'carol@example.org'] },
    'nobody@example.org': { action: 'drop' },
  };
  const { queued, answers } = await send(
    { plugins: [packaged('aliases')], files: { 'aliases.json': JSON.stringify(aliases) } },
    { to: ['sales@example.org'] },
    { to: ['nobody@example.org'] },
  );
  expect(queued.map(({ recipients }) => recipients)).toEqual([['bob@example.org', 'carol@example.org']]);
  expect(answers[1]?.outcome).toMatch(/^250 /);
});

it('clamd refuses what its scanner finds, and has sent it the whole message', async () => {
  let heard = Buffer.alloc(0);
  await using clamd = await startScriptedPeer((socket) => {
    let octets = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      octets = Buffer.concat([octets, chunk]);
      if (!octets.subarray(-4).equals(Buffer.alloc(4))) return;
      heard = octets;
      socket.end(`stream: ${octets.includes('a virus') ? 'Test.Virus FOUND' : 'OK'}\n`);
    });
  });
  const { answers } = await send(
    { plugins: [packaged('clamd')], files: { 'clamd.ini': `clamd_socket=127.0.0.1:${clamd.port}\n` } },
    { content: contentOf('Subject: x\r\n', 'a virus\r\n') },
    { content: contentOf('Subject: x\r\n') },
  );
  expect(answers[0]?.outcome).toMatch(/^550 5\.7\.1 .*Test\.Virus/);
  expect(answers[1]?.outcome).toMatch(/^250 /);
  expect(heard.toString()).toContain('From: alice@example.net\r\n');
  expect(heard.toString()).toContain('the body\r\n');
});

it('spamassassin adds the fields of its spamd', async () => {
  await using spamd = await startScriptedPeer((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (!text.includes('the body')) return;
      socket.end(
        'SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.0 / 5.0\r\n\r\nX-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7.0\r\n\r\n',
      );
    });
  });
  const files = { 'spamassassin.ini': `spamd_socket=127.0.0.1:${spamd.port}\nreject_threshold=20\n` };
  const { queued, outcome } = await send(
    { plugins: [packaged('spamassassin')], files },
    { content: contentOf('Subject: x\r\n') },
  );
  expect(outcome).toMatch(/^250 /);
  expect(queued[0]?.text).toMatch(/\r\nX-Spam-Flag: YES\r\n/);
  expect(queued[0]?.text).toMatch(/^From: alice@example\.net\r\n/);
  expect(queued[0]?.text.endsWith('\r\n\r\nthe body\r\n')).toBe(true);
});

it('rspamd refuses what its server refuses', async () => {
  const web = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ score: 20, required_score: 15, action: 'reject', symbols: {} }));
    });
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as { port: number };
  try {
    const files = { 'rspamd.ini': `host=127.0.0.1\nport=${port}\n[check]\nprivate_ip=true\nlocal_ip=true\n` };
    const { outcome } = await send(
      { plugins: [packaged('rspamd')], files },
      { content: contentOf('Subject: x\r\n') },
    );
    expect(outcome).toBe('550 5.7.1 Detected as spam');
  } finally {
    web.closeAllConnections();
    await new Promise<void>((resolve) => web.close(() => resolve()));
  }
});

it('dkim signs what is relayed', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const files = {
    relay_acl_allow: '127.0.0.0/8\n',
    'dkim.ini': '[sign]\nenabled=true\nselector=test\ndomain=example.net\n[verify]\nenabled=false\n',
    'dkim.private.key': String(privateKey.export({ type: 'pkcs1', format: 'pem' })),
  };
  const { queued, outcome } = await send(
    { plugins: [packaged('relay'), packaged('dkim')], files },
    { content: contentOf('Subject: x\r\n') },
  );
  expect(outcome).toMatch(/^250 /);
  expect(queued[0]?.text).toMatch(/\r\nDKIM-Signature: v=1;[\s\S]*d=example\.net;[\s\S]*s=test;/);
});

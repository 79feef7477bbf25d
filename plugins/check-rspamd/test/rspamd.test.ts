/** A real rspamd, with rules of our own and nothing else. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkRspamd } from '@postroad/check-rspamd';
import { accept, definePlugin, type Finding, readBody } from '@postroad/core';
import {
  freePort,
  missingProgram,
  type Program,
  sendMessage,
  startProgram,
  startTestMta,
  temporaryDirectory,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const missing = missingProgram('/usr/bin/rspamd', 'rspamd');

const rules = `
local function rule(word, score, act)
  rspamd_config:register_symbol({
    name = 'TEST_' .. word:upper(), type = 'normal', score = score, description = 'a word',
    callback = function(task)
      if not (task:get_subject() or ''):find(word) then return end
      if act then act(task) end
      return true, 1.0, task:get_from('smtp')[1].addr, tostring(task:get_from_ip()), task:get_helo()
    end,
  })
end
rule('terrible', 20)
rule('suspect', 7)
rule('marked', 5)
rule('later', 1, function(task) task:set_pre_result('soft reject', 'come back tomorrow') end)
rule('fields', 1, function(task)
  task:set_milter_reply({ add_headers = { ['X-Test'] = { value = 'yes', order = 0 } }, remove_headers = { ['X-Old'] = 0 } })
end)
rule('anew', 1, function(task) task:set_message((tostring(task:get_content()):gsub('the body', 'another body'))) end)
`;

let program: Program;
let port: number;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory();
  port = await freePort();
  const at = (name: string) => join(directory.path, name);
  await writeFile(at('rules.lua'), rules);
  // The whole list of public suffixes takes a quarter of a minute to compile.
  await writeFile(at('suffixes'), 'com\nexample\nnet\norg\n');
  await writeFile(
    at('rspamd.conf'),
    `options {
  filters = ""; temp_dir = "${directory.path}"; cache_file = "${at('symbols.cache')}"; hs_cache_dir = "${directory.path}";
  control_socket = "${at('control.sock')} mode=0600"; url_tld = "${at('suffixes')}";
  dns { nameserver = "127.0.0.1:9"; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "warning"; }
actions { reject = 15; rewrite_subject = 6; add_header = 4; subject = "[spam] %s"; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
lua = "${at('rules.lua')}";
`,
  );
  program = await startProgram({
    command: '/usr/bin/rspamd',
    args: ['--no-fork', '--insecure', '--config', at('rspamd.conf')],
    cwd: directory.path,
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/ping`)).ok,
  });
}, 90_000);
afterAll(async () => {
  await program?.stop();
  await directory?.[Symbol.asyncDispose]();
});

async function send(subject: string) {
  let findings: readonly Finding[] = [];
  let queued: string | undefined;
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap(
        'message',
        (_message, found) => {
          findings = found;
          return undefined;
        },
        { order: 'early' },
      );
      tap('header', async (message) => {
        // The first: a report that nobody could be reached may follow.
        queued ||= (await readBody(message.body, 100_000)).toString();
        return undefined;
      });
    },
  });
  const servers = [`http://127.0.0.1:${port}`];
  await using server = await startTestMta({
    plugins: [checkRspamd({ servers, lookUpName: false }), watch()],
  });
  const content = `Subject: ${subject}\r\nX-Old: 1\r\nFrom: alice@example.net\r\n\r\nthe body\r\n`;
  const { outcome } = await sendMessage({ port: server.port('relay'), content });
  return { outcome, findings, queued };
}

describe.skipIf(missing !== undefined)(`rspamd (${missing ?? 'here'})`, () => {
  it('lets good mail pass', async () => {
    const { outcome, findings, queued } = await send('good');
    expect(outcome).toMatch(/^250 /);
    expect(findings[0]).toMatchObject({ source: 'rspamd', result: 'no action' });
    expect(queued).toContain('X-Old: 1');
  });

  it('rejects, and has been told of client and sender', async () => {
    const { outcome, findings } = await send('terrible');
    expect(outcome).toMatch(/^550 5\.7\.1 /);
    expect(findings.find(({ result }) => result === 'TEST_TERRIBLE')).toEqual({
      source: 'rspamd',
      result: 'TEST_TERRIBLE',
      score: 20,
      text: 'a word',
      details: ['alice@example.net', '127.0.0.1', 'client.example.net'],
    });
  });

  it('defers with the text of a rule', async () => {
    expect((await send('later')).outcome).toBe('451 4.7.1 come back tomorrow');
  });

  it('rewrites the subject, and adds a field', async () => {
    expect((await send('suspect')).queued).toContain('Subject: [spam] suspect\r\n');
    expect((await send('marked')).queued).toContain('X-Spam: Yes\r\n');
  });

  it('changes fields and content as rules say', async () => {
    const fields = (await send('fields')).queued;
    expect(fields).toMatch(/^X-Test: yes\r\n/);
    expect(fields).not.toContain('X-Old');
    const anew = (await send('anew')).queued;
    expect(anew).toContain('Subject: anew\r\n');
    expect(anew).toMatch(/\r\n\r\nanother body\r\n$/);
  });
});

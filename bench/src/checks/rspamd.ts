/** A rspamd of its own, with the modules that need no network. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, missingProgram, type Program, startProgram } from '@postroad/core/testing';

/** A running rspamd. */
export interface BenchRspamd {
  readonly url: string;
  readonly program: Program;
}

/** Starts it with two scanning processes; `undefined`, and a line that says why, when it is not installed. */
export async function startRspamd(directory: string): Promise<BenchRspamd | undefined> {
  const missing = missingProgram('/usr/bin/rspamd', 'rspamd');
  if (missing !== undefined) {
    console.log(`rspamd ${missing}`);
    return undefined;
  }
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  await writeFile(at('suffixes'), 'com\nexample\nnet\norg\n');
  await writeFile(
    at('rspamd.conf'),
    `options {
  filters = "chartable,regexp,dkim"; temp_dir = "${directory}"; cache_file = "${at('symbols.cache')}";
  hs_cache_dir = "${directory}"; control_socket = "${at('control.sock')} mode=0600"; url_tld = "${at('suffixes')}";
  dns { nameserver = "127.0.0.1:9"; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "error"; }
actions { reject = 15; add_header = 6; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 2; }
`,
  );
  const url = `http://127.0.0.1:${port}`;
  const program = await startProgram({
    command: '/usr/bin/rspamd',
    args: ['--no-fork', '--insecure', '--config', at('rspamd.conf')],
    cwd: directory,
    isReady: async () => (await fetch(`${url}/ping`)).ok,
  });
  return { url, program };
}

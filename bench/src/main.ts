/** Runs a benchmark by name: `npm run bench -- hooks`. Each stands in a file of its own and exports `run`. */
import { parseArgs } from 'node:util';
import { usageOf } from './usage.js';

const benches: Readonly<
  Record<string, { readonly about: string; load(): Promise<{ run(args: string[]): Promise<void> }> }>
> = {
  hooks: { about: 'what a hook costs with none, one and three taps', load: () => import('./hooks.js') },
  receive: {
    about: 'messages accepted, discarded or kept, beside smtp-server, Postfix and Haraka',
    load: () => import('./receive/run.js'),
  },
  queue: {
    about: 'a million waiting recipients, and slow destinations',
    load: () => import('./queue/run.js'),
  },
  store: { about: 'filing and reading mailboxes, in process', load: () => import('./store.js') },
  relay: {
    about: 'messages accepted durably and delivered by SMTP, beside Postfix and Haraka',
    load: () => import('./relay/run.js'),
  },
  scale: {
    about: 'one worker and two, LMDB and PostgreSQL, side by side',
    load: () => import('./scale/run.js'),
  },
  auth: {
    about: 'messages received with all checks of the sender on, beside none, and the event loop',
    load: () => import('./auth/run.js'),
  },
  checks: { about: 'what the built-in checks cost', load: () => import('./checks/run.js') },
  texts: {
    about: 'searches of texts over IMAP, with the index complete',
    load: () => import('./texts.js'),
  },
  access: { about: 'IMAP and POP3 beside Dovecot', load: () => import('./access/run.js') },
};

const { positionals, values } = parseArgs({ allowPositionals: true, strict: false });
const name = positionals[0];
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined) {
  console.log('Usage: npm run bench -- NAME [options]\n');
  for (const [known, { about }] of Object.entries(benches)) console.log(`  ${known.padEnd(10)} ${about}`);
  console.log('\nnpm run bench -- NAME --help tells its options.');
  process.exitCode = name === undefined ? 0 : 64;
} else if (name !== undefined && values.help === true) {
  console.log(usageOf(name, bench.about));
} else {
  const { run } = await bench.load();
  try {
    await run(process.argv.slice(3));
  } catch (error) {
    if (!isWrongOption(error)) throw error;
    console.error(`${error.message}\n\n${usageOf(name ?? '', bench.about)}`);
    process.exitCode = 64;
  }
}

function isWrongOption(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

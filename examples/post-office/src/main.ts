/** Starts the post office, says how to use it, and stops it on Ctrl-C. */
import { mkdir } from 'node:fs/promises';
import { usersFile } from '@postroad/auth-file';
import { createMta, isMailError, type Mta, messageOf } from '@postroad/core';
import { help, type PostOfficeOptions, readOptions } from './options.js';
import { isLoopback, postOffice, usersFileOf } from './post-office.js';
import { type ShownAccount, welcome } from './welcome.js';

const demoAccounts = [
  { name: 'alice', password: 'wonderland' },
  { name: 'bob', password: 'builder' },
];

await main();

async function main(): Promise<void> {
  let options: PostOfficeOptions | 'help';
  try {
    options = readOptions(process.argv.slice(2), process.env);
  } catch (error) {
    return fail(`${messageOf(error)}\nSay --help for what can be set.`, 64);
  }
  if (options === 'help') {
    console.log(help);
    return;
  }
  try {
    const accounts = await prepareAccounts(options);
    const composed = options;
    const mta = createMta(postOffice(composed), { configuration: () => postOffice(composed) });
    await mta.start();
    stopOnSignals(mta);
    console.log(welcome(options, mta.listeners, accounts));
    await mta.whenStopped();
    process.exit(0);
  } catch (error) {
    fail(`The post office could not start: ${messageOf(error)}\n${advice(error)}`, 1);
  }
}

/** Makes the users file, with two accounts to play with when nobody else can reach them; says who lives here. */
async function prepareAccounts(options: PostOfficeOptions): Promise<readonly ShownAccount[]> {
  await mkdir(options.dataDirectory, { recursive: true, mode: 0o700 });
  const users = usersFile(usersFileOf(options));
  if (await users.create()) {
    if (!isLoopback(options.host)) return [];
    const made = demoAccounts.map(({ name, password }) => ({ login: `${name}@${options.domain}`, password }));
    for (const account of made) await users.add(account);
    return made;
  }
  return (await users.list()).map((account) => ({ login: account.login }));
}

function stopOnSignals(mta: Mta): void {
  let isStopping = false;
  const stop = async (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    console.log(`\n${signal}: closing the post office ...`);
    try {
      await mta.stop({ drainMs: 5_000 });
    } catch (error) {
      fail(`The post office did not close well: ${messageOf(error)}`, 1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(signal));
}

function advice(error: unknown): string {
  if (isMailError(error, 'E_LISTEN')) {
    return 'Choose other ports with --port, as in: npm start -- --port smtp=3525 (see --help).';
  }
  return 'Say --log debug for more.';
}

function fail(message: string, status: number): void {
  console.error(message);
  process.exit(status);
}

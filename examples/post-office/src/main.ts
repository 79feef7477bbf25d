/** Starts the post office, says how to use it, and stops it on Ctrl-C. */
import { createMta, isMailError, type Mta, messageOf } from '@postroad/core';
import { accountLister, prepareAccounts } from './accounts.js';
import { help, type PostOfficeOptions, readOptions } from './options.js';
import { isLoopback, postOffice, usersFileOf } from './post-office.js';
import { welcome } from './welcome.js';

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
    const mta = await open(options);
    await mta.whenStopped();
  } catch (error) {
    fail(`The post office could not start: ${messageOf(error)}\n${advice(error)}`, 1);
  }
  console.log('The post office is closed.');
  process.exit(0);
}

async function open(options: PostOfficeOptions): Promise<Mta> {
  const { domain, host } = options;
  await prepareAccounts(usersFileOf(options), { domain, hasDemo: isLoopback(host) });
  const accounts = accountLister(domain);
  const composition = postOffice(options);
  const mta = createMta({ ...composition, plugins: [...composition.plugins, accounts.plugin] });
  stopOnSignals(mta);
  await mta.start();
  console.log(welcome(options, mta.listeners, await accounts.list()));
  return mta;
}

/** A Ctrl-C may come twice, from the terminal and again from npm: only the first one counts. */
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
  if (isMailError(error, 'E_CONTROL')) {
    return 'A post office keeps its data alone: give another one its own directory with --data.';
  }
  return 'Say --log debug for more.';
}

function fail(message: string, status: number): never {
  console.error(message);
  process.exit(status);
}

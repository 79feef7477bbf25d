/** Starts the relay, says where it listens, and stops it on Ctrl-C. */
import { mkdir } from 'node:fs/promises';
import { usersFile } from '@postroad/auth-file';
import { createMta, type Mta, messageOf } from '@postroad/core';
import { help, type RelayOptions, readOptions } from './options.js';
import { relay, usersFileOf } from './relay.js';

process.exitCode = await main();

async function main(): Promise<number> {
  let options: RelayOptions | 'help';
  try {
    options = readOptions(process.argv.slice(2), process.env);
  } catch (error) {
    console.error(`${messageOf(error)}\nSay --help for what can be set.`);
    return 64;
  }
  if (options === 'help') {
    console.log(help);
    return 0;
  }
  try {
    await run(options);
    return 0;
  } catch (error) {
    console.error(`The relay failed: ${messageOf(error)}`);
    return 1;
  }
}

async function run(options: RelayOptions): Promise<void> {
  await mkdir(options.dataDirectory, { recursive: true, mode: 0o700 });
  await usersFile(usersFileOf(options)).create();
  const mta = createMta(relay(options));
  const stopped = stopOnSignals(mta);
  await mta.start();
  console.log(greeting(options, mta));
  await Promise.race([mta.whenStopped(), stopped]);
}

function greeting({ host, smarthost, dataDirectory }: RelayOptions, mta: Mta): string {
  const lines = mta.listeners.map(({ name, port }) => `  ${name.padEnd(12)} ${host}:${port}`);
  const who = smarthost.login === undefined ? 'without a login' : `as ${smarthost.login}`;
  return [
    `The relay passes mail on to ${smarthost.host}:${smarthost.port} ${who}. It listens on:`,
    ...lines,
    `What waits: npx postroad queue list --socket ${dataDirectory}/control.sock`,
    'Ctrl-C stops it.',
  ].join('\n');
}

/** Rejects when the server does not stop well. Further signals change nothing: `stop` gives the same promise again. */
function stopOnSignals(mta: Mta): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => mta.stop({ drainMs: 5_000 }).catch(reject));
  });
}

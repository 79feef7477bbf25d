/** Starts the sink, says where it listens, and stops it on Ctrl-C. */
import { createMta, type Mta, messageOf } from '@postroad/core';
import { help, readOptions, type SinkOptions } from './options.js';
import { sink } from './sink.js';

process.exitCode = await main();

async function main(): Promise<number> {
  let options: SinkOptions | 'help';
  try {
    options = readOptions(process.argv.slice(2));
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
    console.error(`The sink failed: ${messageOf(error)}`);
    return 1;
  }
}

async function run(options: SinkOptions): Promise<void> {
  const mta = createMta(sink(options));
  const stopped = stopOnSignals(mta);
  await mta.start();
  const ports = mta.listeners.map(({ name, host, port }) => `  ${name.padEnd(5)} ${host}:${port}`);
  console.log(
    ['The sink takes every message. Read them as sink / sink:', ...ports, 'Ctrl-C ends it.'].join('\n'),
  );
  await Promise.race([mta.whenStopped(), stopped]);
}

/** Rejects when the server does not stop well. Further signals change nothing: `stop` gives the same promise again. */
function stopOnSignals(mta: Mta): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => mta.stop({ drainMs: 1_000 }).catch(reject));
  });
}

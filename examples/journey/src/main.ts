/** Plays the journey of a message between two servers, and says whether every step held. */
import { parseArgs } from 'node:util';
import { messageOf } from '@postroad/core';
import { createNarrator } from './narrator.js';
import { playStory } from './story.js';
import { openTown } from './town.js';

const help = `The journey: one message on its way between two mail servers, step by step.

Usage: node examples/journey/dist/main.js

Everything is real and on this machine alone: two servers with their own queues and mailboxes in a temporary
directory, a DNS server on loopback, clients that others wrote. It ends with status 0 when every step held, and with
1 at the first one that did not.

  --help   this text`;

/** Far more than it takes; a story that hangs is one that does not hold. */
const patienceMs = 60_000;

process.exit(await main());

async function main(): Promise<number> {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help === true) {
      console.log(help);
      return 0;
    }
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${help}`);
    return 64;
  }
  return play();
}

async function play(): Promise<number> {
  const narrator = createNarrator((line) => console.log(line));
  const stop = stopSignal();
  try {
    await using town = await openTown();
    console.log('Two domains: north.example has a server, that of south.example is down.\n');
    await Promise.race([playStory(town, narrator), stop]);
  } catch (error) {
    console.error(`\nThe journey ends here: ${messageOf(error)}`);
    return 1;
  }
  console.log(`\nThe message has arrived: all ${narrator.count} steps held.`);
  return 0;
}

/** Rejects at Ctrl-C, SIGTERM, or when it takes too long; what is open is closed then. */
function stopSignal(): Promise<never> {
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
    AbortSignal.timeout(patienceMs).addEventListener('abort', () =>
      reject(new Error(`it is not over after ${patienceMs / 1_000} seconds`)),
    );
  });
  stopped.catch(() => undefined);
  return stopped;
}

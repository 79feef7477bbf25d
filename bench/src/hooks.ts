/** What a hook costs: nobody taps, one tap, three taps, answering at once or with a promise. */
import { definePlugin, type PluginUse, type Transaction } from '@postroad/core';
import { compiledHooksOf } from '@postroad/core/testing';
import { Bench } from 'tinybench';

const tapping = (count: number, isAsync: boolean): readonly PluginUse[] =>
  Array.from({ length: count }, (_, at) =>
    definePlugin({
      name: `bench-${at}`,
      setup: ({ tap }) => tap('recipient', isAsync ? async () => undefined : () => undefined),
    })(),
  );

/** Prints a table of nanoseconds per call and the ratio to a hook nobody taps. */
export async function run(): Promise<void> {
  const transaction = {} as Transaction;
  const recipient = { address: { localPart: 'a', domain: 'example.org' } };
  const bench = new Bench({ time: 500, warmupTime: 200 });
  for (const [name, count, isAsync] of [
    ['none', 0, false],
    ['one', 1, false],
    ['three', 3, false],
    ['one, promised', 1, true],
    ['three, promised', 3, true],
  ] as const) {
    const hooks = compiledHooksOf(tapping(count, isAsync));
    const call = async () => {
      // A thousand in a row: a single one is below what the clock can tell.
      for (let at = 0; at < 1000; at++) {
        const answer = hooks.recipient === null ? undefined : hooks.recipient(transaction, recipient);
        if (isAsync) await answer;
      }
    };
    bench.add(name, call);
  }
  await bench.run();
  const none = nanoseconds(bench, 'none');
  console.table(
    bench.tasks.map((task) => ({
      taps: task.name,
      'ns per call': nanoseconds(bench, task.name).toFixed(1),
      'times none': (nanoseconds(bench, task.name) / none).toFixed(1),
    })),
  );
}

function nanoseconds(bench: Bench, name: string): number {
  const result = bench.getTask(name)?.result as { readonly latency?: { readonly p50?: number } } | undefined;
  return ((result?.latency?.p50 ?? Number.NaN) * 1e6) / 1000;
}

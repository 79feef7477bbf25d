import { expect, test } from 'vitest';
import { gatherLines } from './log-lines.js';
import { createLogger } from './pino-logger.js';

function gather() {
  const written: string[] = [];
  let exit = (): void => {};
  const lines = gatherLines(
    (text) => written.push(text),
    (flush) => {
      exit = flush;
    },
  );
  return { written, lines, exit: () => exit() };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('lines of one turn are one write, in their order', async () => {
  const { written, lines } = gather();
  lines.write('a\n');
  lines.write('b\n');
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(['a\nb\n']);
  lines.write('c\n');
  await turn();
  expect(written).toEqual(['a\nb\n', 'c\n']);
});

test('what waits is bounded, and nothing of it is lost when the process ends', () => {
  const { written, lines, exit } = gather();
  const long = `${'x'.repeat(40_000)}\n`;
  lines.write(long);
  lines.write(long);
  expect(written).toEqual([long + long]);
  lines.write('last\n');
  exit();
  expect(written).toEqual([long + long, 'last\n']);
});

test('a warning is written at once, behind what was logged before it', () => {
  const { written, lines } = gather();
  const log = createLogger('info', lines);
  log.child({ plugin: 'x' }).info('first');
  expect(written).toEqual([]);
  log.warn('second');
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/"first".*\n.*"second".*\n$/);
  log.child({ plugin: 'x' }).error('third');
  expect(written).toHaveLength(2);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommandReader } from './command-reader.js';
import { parseCommand } from './parse-command.js';
import type { ReaderEvent, ReaderLimits } from './reader-events.js';

const limits: ReaderLimits = {
  lineOctetsMax: 100,
  literalOctetsMax: 50,
  commandOctetsMax: 200,
  literalsMax: 3,
  skipOctetsMax: 500,
};

/** Feeds chunks and plays an owner: small literals are kept, those of messages streamed, others refused. */
function readAll(chunks: readonly Buffer[]): unknown[] {
  const reader = new CommandReader(limits);
  const seen: unknown[] = [];
  let streamed = '';
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === 'octets') {
        streamed += Buffer.from(event.bytes).toString('latin1');
        if (event.isLast) seen.push({ streamed });
        if (event.isLast) streamed = '';
        continue;
      }
      seen.push(event);
      answer(reader, event, seen);
    }
  }
  return seen;
}

function answer(reader: CommandReader, event: ReaderEvent, seen: unknown[]): void {
  if (event.kind !== 'literal') return;
  if (/APPEND/i.test(event.command.texts[0] ?? '')) reader.streamLiteral();
  else if (reader.canKeep(event.sizeOctets)) reader.keepLiteral();
  else if (!reader.refuseLiteral()) seen.push('dead');
}

function cut(octets: string, cuts: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const at of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(at % (octets.length + 1), octets.length);
    if (to > from) chunks.push(Buffer.from(octets.slice(from, to), 'latin1'));
    from = Math.max(from, to);
  }
  chunks.push(Buffer.from(octets.slice(from), 'latin1'));
  return chunks;
}

test('reads commands with and without literals', () => {
  const events = readAll([Buffer.from('A1 NOOP\r\nA2 LOGIN {3+}\r\nabc {2}\r\nde\r\nA3 X\n')]);
  expect(events.map((event) => (event as ReaderEvent).kind)).toEqual([
    'command',
    'literal',
    'literal',
    'command',
    'command',
  ]);
  expect(events[3]).toMatchObject({
    command: { texts: ['A2 LOGIN ', ' ', ''], literals: [{ octets: 'abc' }, { octets: 'de' }] },
  });
});

test('goes on behind a line that is too long, even when a literal hangs on it', () => {
  const long = `A1 X ${'y'.repeat(200)} {7+}\r\nA9 FOO\r {3+}\r\nabc\r\nA2 NOOP\r\n`;
  const events = readAll([Buffer.from(long)]);
  expect(events).toMatchObject([
    { kind: 'fault', tag: 'A1', isFatal: false },
    { kind: 'command', command: { texts: ['A2 NOOP'] } },
  ]);
});

test('skips a refused literal that is sent anyway, and never takes its octets for commands', () => {
  const events = readAll([
    Buffer.from(`A1 LOGIN {60+}\r\n${'A2 DELETE INBOX\r\n'.padEnd(60)} x\r\nA3 NOOP\r\n`),
  ]);
  expect(events).toMatchObject([
    { kind: 'literal', sizeOctets: 60 },
    { kind: 'command', command: { texts: ['A3 NOOP'] } },
  ]);
});

test('gives up on literals too large to skip, and on numbers that are none', () => {
  expect(readAll([Buffer.from('A1 LOGIN {501+}\r\n')]).at(-1)).toBe('dead');
  expect(readAll([Buffer.from('A1 LOGIN {9999999999999999999+}\r\n')])).toMatchObject([{ isFatal: true }]);
  expect(readAll([Buffer.from('A1 LOGIN {5-}\r\n')])).toMatchObject([{ isFatal: true }]);
});

test('a command with too many literals or octets is one fault', () => {
  const many = 'A1 X {1+}\r\na {1+}\r\na {1+}\r\na {1+}\r\na\r\nA2 NOOP\r\n';
  expect(readAll([Buffer.from(many)]).at(-2)).toMatchObject({ kind: 'fault', tag: 'A1' });
  expect(readAll([Buffer.from(many)]).at(-1)).toMatchObject({ command: { texts: ['A2 NOOP'] } });
});

test('text between messages that are streamed counts for the length of the command', () => {
  const text = ` ${'y'.repeat(93)} `;
  const many = `A1 APPEND x {1+}\r\na${text}{1+}\r\nb${text}{1+}\r\nc\r\nA2 NOOP\r\n`;
  expect(readAll([Buffer.from(many)]).slice(-2)).toMatchObject([
    { kind: 'fault', tag: 'A1', text: 'the command is too long', isFatal: false },
    { command: { texts: ['A2 NOOP'] } },
  ]);
});

test('drops what was read ahead', () => {
  const reader = new CommandReader(limits);
  reader.push(Buffer.from('A1 STARTTLS\r\nA2 LOGIN a b\r\n'));
  expect(reader.next()).toMatchObject({ kind: 'command' });
  reader.reset();
  expect(reader.next()).toBeUndefined();
});

test('how octets are cut into chunks changes nothing', () => {
  const line = fc.oneof(
    fc.constantFrom(
      'A1 NOOP\r\n',
      'A2 LOGIN {3}\r\nabc {2+}\r\nde\r\n',
      'A3 APPEND INBOX {12+}\r\nhello\r\nworld\r\n',
      `A4 ${'z'.repeat(150)} {4+}\r\nA B\n\r\n`,
      'A5 FETCH 1 BODY[]\n',
      'A6 APPEND x ~{0}\r\n\r\n',
      `A7 LOGIN {70+}\r\n${'q'.repeat(70)} z\r\n`,
      'A8 X {1+}\r\na{1+}\r\na{1+}\r\na{1+}\r\na\r\n',
    ),
    fc.string({ unit: fc.constantFrom('A', ' ', '{', '3', '}', '+', '\r', '\n', '"', '~') }),
  );
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.info(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.array(fc.nat(2000)), (lines, cuts) => {
      const octets = lines.join('');
      expect(readAll(cut(octets, cuts))).toEqual(readAll([Buffer.from(octets, 'latin1')]));
    }),
    { seed, numRuns: 500 },
  );
});

test('parsing never throws, whatever is sent', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.info(`seed ${seed}`);
  const word = fc.constantFrom(
    'A1',
    ' ',
    ' ',
    'UID',
    'FETCH',
    'STORE',
    'SEARCH',
    'APPEND',
    'LIST',
    'SORT',
    'SELECT',
    'RETURN',
    'CATENATE',
    '(',
    ')',
    '1:*',
    '$',
    'BODY[',
    'HEADER.FIELDS',
    ']',
    '<0.1>',
    '"',
    '\\Seen',
    '+FLAGS',
    'OR',
    'NOT',
    'CHARSET',
    'UTF-8',
    'NIL',
    '*',
    '%',
    '\u0000',
    '\u00ff',
    '{',
    'QRESYNC',
    '1',
    '99999999999',
    'INBOX',
    '&',
    'TEXT',
    'URL',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), fc.boolean(), (words, isUtf8) => {
      const texts = [words.join('')];
      const parsed = parseCommand({ texts, literals: [] }, { names: isUtf8 ? 'utf-8' : 'utf-7' });
      expect(['command', 'NO', 'BAD']).toContain(parsed.status);
    }),
    { seed, numRuns: 2000 },
  );
});

test('nesting is bounded', () => {
  const deep = `A1 SEARCH ${'('.repeat(5000)}ALL${')'.repeat(5000)}`;
  expect(parseCommand({ texts: [deep], literals: [] }, { names: 'utf-7' })).toMatchObject({ status: 'BAD' });
  const not = `A1 SEARCH ${'NOT '.repeat(5000)}ALL`;
  expect(parseCommand({ texts: [not], literals: [] }, { names: 'utf-7' })).toMatchObject({ status: 'BAD' });
});

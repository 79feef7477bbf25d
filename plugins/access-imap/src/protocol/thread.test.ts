import { expect, test } from 'vitest';
import { baseSubject } from './base-subject.js';
import { type ThreadMessage, threadByReferences, threadBySubject } from './thread.js';

/** A message by number, id, ancestors and subject; dates are in order of the numbers. */
function message(number: number, references: number[] = [], subject = `s${number}`): ThreadMessage {
  const base = baseSubject(subject);
  return {
    number,
    messageId: `<${number}@x>`,
    references: references.map((id) => `<${id}@x>`),
    subject: base.base.toLowerCase(),
    isReply: base.isReply,
    sentAtMs: number * 1000,
  };
}

test('base subjects (RFC 5256 section 2.1)', () => {
  const cases: [string, string, boolean][] = [
    ['Re: hello', 'hello', true],
    ['RE:re :  Fwd: hello', 'hello', true],
    ['[list] Re: [other] hello (fwd)', 'hello', true],
    ['[only]', '[only]', false],
    ['Re: [only]', '[only]', true],
    ['[fwd: Re: hello]', 'hello', true],
    ['Re[2]: hello', 'hello', true],
    ['  a \t b ', 'a b', false],
    ['', '', false],
    ['Regarding: this', 'Regarding: this', false],
  ];
  for (const [subject, base, isReply] of cases)
    expect(baseSubject(subject), subject).toEqual({ base, isReply });
});

test('threads by references', () => {
  expect(threadByReferences([message(1), message(2, [1]), message(3, [1, 2])])).toBe('(1 2 3)');
  expect(threadByReferences([message(1), message(2, [1]), message(3, [1])])).toBe('(1 (2)(3))');
  expect(threadByReferences([message(2, [9]), message(3, [9])])).toBe('((2)(3))');
  expect(threadByReferences([message(5), message(3, [9]), message(4, [3])])).toBe('(3 4)(5)');
  expect(threadByReferences([])).toBe('');
});

test('the example of RFC 5256 section 4: branches in their own parentheses', () => {
  const messages = [
    message(2),
    message(3),
    message(6, [3]),
    message(4, [3, 6]),
    message(23, [3, 6, 4]),
    message(44, [3, 6]),
    message(7, [3, 6, 44]),
    message(96, [3, 6, 44, 7]),
  ];
  expect(threadByReferences(messages)).toBe('(2)(3 6 (4 23)(44 7 96))');
});

test('replies whose ancestors are unknown join by subject', () => {
  expect(threadByReferences([message(1, [], 'plan'), message(2, [], 'Re: plan')])).toBe('(1 2)');
  expect(threadByReferences([message(1, [], 'plan'), message(2, [], 'plan')])).toBe('((1)(2))');
  expect(threadByReferences([message(1, [], 'Re: plan'), message(2, [], 'plan')])).toBe('(2 1)');
});

test('circles, double ids and long chains do no harm', () => {
  expect(threadByReferences([message(1, [2]), message(2, [1])])).toMatch(/^\(.*1.*2.*\)$|^\(.*2.*1.*\)$/);
  expect(threadByReferences([message(1, [1])])).toBe('(1)');
  const twin = { ...message(2, [], 'other'), messageId: '<1@x>' };
  expect(threadByReferences([message(1), twin])).toBe('(1)(2)');
  const chain = Array.from({ length: 20_000 }, (_, at) => message(at + 1, at === 0 ? [] : [at], `c${at}`));
  expect(threadByReferences(chain).match(/\d+/g)).toHaveLength(20_000);
});

test('threads by subject', () => {
  const messages = [message(1, [], 'b'), message(2, [], 'a'), message(3, [], 'Re: b'), message(4, [], 'b')];
  expect(threadBySubject(messages)).toBe('(1 (3)(4))(2)');
  expect(threadBySubject(messages.slice(0, 3))).toBe('(1 3)(2)');
});

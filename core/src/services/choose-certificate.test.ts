import { expect, it } from 'vitest';
import { chooseByName } from './choose-certificate.js';

const mx = { names: ['mx.example.org', 'imap.example.org'] };
const all = { names: ['*.example.org'] };
const other = { names: ['example.net', '*.example.net', 'a.b.example.net'] };
const choose = (name?: string) => chooseByName([mx, all, other], name);

it('the name itself is chosen before one with *, whatever comes first', () => {
  expect(choose('imap.example.org')).toBe(mx);
  expect(choose('IMAP.Example.ORG.')).toBe(mx);
  expect(choose('www.example.org')).toBe(all);
  expect(chooseByName([all, mx], 'mx.example.org')).toBe(mx);
  expect(choose('any.example.net')).toBe(other);
});

it('* stands for one label, and the first is for everybody else', () => {
  for (const name of [undefined, '', '.', 'unknown.test', 'a.b.example.org', 'example.org', '*', 'org'])
    expect(choose(name), String(name)).toBe(mx);
  expect(choose('a.b.example.net')).toBe(other);
  expect(chooseByName([], 'mx.example.org')).toBeUndefined();
});

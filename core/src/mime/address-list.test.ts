import { describe, expect, it } from 'vitest';
import { parseAddressList } from './address-list.js';

function compact(value: string): unknown {
  return (
    parseAddressList(value)?.map(({ name, route, mailbox, host }) => [name, route, mailbox, host]) ?? null
  );
}

describe('parseAddressList', () => {
  it('reads plain, bracketed and named addresses', () => {
    expect(compact('alice@example.org')).toEqual([[null, null, 'alice', 'example.org']]);
    expect(compact('<alice@example.org>')).toEqual([[null, null, 'alice', 'example.org']]);
    expect(compact('Alice Liddell <alice@example.org>, bob@example.net')).toEqual([
      ['Alice Liddell', null, 'alice', 'example.org'],
      [null, null, 'bob', 'example.net'],
    ]);
  });
  it('reads quoted names with escapes, commas and brackets in them', () => {
    expect(compact('"Liddell, \\"Al\\" <x@y>" <alice@example.org>')).toEqual([
      ['Liddell, "Al" <x@y>', null, 'alice', 'example.org'],
    ]);
    expect(compact('"a b"@example.org')).toEqual([[null, null, 'a b', 'example.org']]);
  });
  it('takes a comment as the name when there is no other', () => {
    expect(compact('alice@example.org (Alice (the \\) first))')).toEqual([
      ['Alice (the ) first)', null, 'alice', 'example.org'],
    ]);
    expect(compact('(x) Alice (y) <alice@example.org>')).toEqual([['Alice', null, 'alice', 'example.org']]);
  });
  it('marks the start and end of groups', () => {
    expect(compact('Friends: a@x.example, B <b@x.example>;, c@x.example')).toEqual([
      [null, null, 'Friends', null],
      [null, null, 'a', 'x.example'],
      ['B', null, 'b', 'x.example'],
      [null, null, null, null],
      [null, null, 'c', 'x.example'],
    ]);
    expect(compact('undisclosed-recipients:;')).toEqual([
      [null, null, 'undisclosed-recipients', null],
      [null, null, null, null],
    ]);
    expect(compact('Open: a@x.example')).toHaveLength(3);
  });
  it('reads routes, literals and obsolete blanks', () => {
    expect(compact('<@a.example,@b.example:alice@example.org>')).toEqual([
      [null, '@a.example,@b.example', 'alice', 'example.org'],
    ]);
    expect(compact('alice@[192.0.2.1]')).toEqual([[null, null, 'alice', '[192.0.2.1]']]);
    expect(compact('alice @ example . org')).toEqual([[null, null, 'alice', 'example.org']]);
  });
  it('leaves encoded words and 8-bit characters as they stand', () => {
    expect(compact('=?utf-8?Q?J=C3=B6rg?= <j@example.org>, Jörg <jörg@exämple.org>')).toEqual([
      ['=?utf-8?Q?J=C3=B6rg?=', null, 'j', 'example.org'],
      ['Jörg', null, 'jörg', 'exämple.org'],
    ]);
  });
  it('gives an address without a domain an empty host, never a null one', () => {
    expect(compact('root')).toEqual([[null, null, 'root', '']]);
    expect(compact('Mister <root>')).toEqual([['Mister', null, 'root', '']]);
  });
  it('takes the last address as meant when the name looks like one', () => {
    expect(compact('a@bank.example <b@evil.example>')).toEqual([
      ['a@bank.example', null, 'b', 'evil.example'],
    ]);
  });
  it('survives rubbish', () => {
    expect(compact('')).toBeNull();
    expect(compact(' ,;,<>@:(("')).not.toBeUndefined();
    expect(compact('<a@b, c@d')).toEqual([
      [null, null, 'a', 'b'],
      [null, null, 'c', 'd'],
    ]);
  });
  it('stays linear and bounded', () => {
    expect(parseAddressList('('.repeat(200_000))).toBeNull();
    expect(parseAddressList('<'.repeat(200_000))?.length).toBe(1);
    expect(parseAddressList('a@b,'.repeat(50_000))?.length).toBeLessThanOrEqual(10_000);
  });
});

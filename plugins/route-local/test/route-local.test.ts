import type { EnvelopeRecipient } from '@postroad/core';
import { describe, expect, it } from 'vitest';
import type { RouteLocalOptions } from '../src/index.js';
import { basic, open, parse } from './open-route-local.js';

describe('route-local at RCPT', () => {
  it.each([
    ['alice@example.org', 'accept'],
    ['ALICE@EXAMPLE.ORG', 'accept'],
    ['bob@example.com', 'accept'],
    ['"a b"@example.org', 'accept'],
    ['JÖRG@xn--bcher-kva.example', 'accept'],
    ['alice+news@example.org', 'accept'],
    ['alice+@example.org', 'accept'],
    ['alice@example.com', '550 1.1'],
    ['nobody@example.org', '550 1.1'],
    ['nobody+alice@example.org', '550 1.1'],
    ['+alice@example.org', '550 1.1'],
    ['alice@sub.example.org', '550 7.1'],
    ['alice@example.org.example.net', '550 7.1'],
    ['somebody@mx.example.net', '550 7.1'],
    ['somebody@nowhere.example.net', '550 7.1'],
    ['alice%example.org@mx.example.net', '550 7.1'],
    ['"alice@example.org"@mx.example.net', '550 7.1'],
    ['mx.example.net!alice@example.org', '550 1.1'],
    ['"somebody@mx.example.net"@example.org', '550 1.1'],
    ['somebody%mx.example.net@example.org', '550 1.1'],
    ['somebody@[192.0.2.1]', '550 7.1'],
    ['alice@[127.0.0.1]', '550 7.1'],
  ])('for %s answers a stranger %s', async (text, expected) => {
    const { recipient } = open(basic);
    expect(await recipient(text)).toBe(expected);
    expect(await recipient(text, { remoteAddress: '127.0.0.1' }), 'loopback proves nothing').toBe(expected);
  });

  it.each([
    ['somebody@mx.example.net', 'accept'],
    ['somebody@a.example.net', 'accept'],
    ['somebody@[192.0.2.1]', 'accept'],
    ['somebody@nowhere.example.net', '550 1.2'],
    ['somebody@null.example.net', '556 1.10'],
    ['somebody@slow.example.net', 'accept'],
    ['nobody@example.org', '550 1.1'],
    ['alice@example.org', 'accept'],
  ])('for %s answers who is logged in %s', async (text, expected) => {
    const { recipient } = open(basic);
    expect(await recipient(text, { login: 'PLAIN' })).toBe(expected);
    expect(await recipient(text, { login: 'code' })).toBe(expected);
  });

  it.each([
    'postmaster@example.org',
    'Postmaster@example.com',
    'POSTMASTER@bücher.example',
    'postmaster+x@example.org',
  ])('takes mail for %s though nobody has that address', async (text) => {
    const isDetailed = text.includes('+');
    expect(await open(basic).recipient(text)).toBe(isDetailed ? '550 1.1' : 'accept');
  });

  it('takes mail for <postmaster> without a domain', async () => {
    const { recipient, expand } = open({ ...basic, postmaster: 'bob@example.com' });
    const postmaster: EnvelopeRecipient = { address: { localPart: 'PostMaster', domain: '' } };
    expect(await recipient(postmaster)).toBe('accept');
    expect(await expand([postmaster])).toEqual(['bob@example.com']);
    expect(await open(basic).expand([postmaster]), 'the first account by default').toEqual([
      '"a b"@example.org',
    ]);
  });

  it('defers when the directory can not be asked', async () => {
    const { recipient } = open(basic, { directoryFails: true });
    await expect(recipient('alice@example.org')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    expect(await recipient('somebody@mx.example.net'), 'and does not open up').toBe('550 7.1');
  });

  it('lets named networks send anywhere, and nobody beside them', async () => {
    const { recipient } = open({ ...basic, relayNetworks: ['198.51.100.0/24', '2001:db8::/32'] });
    const from = (remoteAddress: string) => recipient('somebody@mx.example.net', { remoteAddress });
    expect(await from('198.51.100.7')).toBe('accept');
    expect(await from('::ffff:198.51.100.7')).toBe('accept');
    expect(await from('2001:db8:1::1')).toBe('accept');
    expect(await from('198.51.101.7')).toBe('550 7.1');
    expect(await from('2001:db9::1')).toBe('550 7.1');
    expect(await from('')).toBe('550 7.1');
    expect(await recipient('somebody@nowhere.example.net', { remoteAddress: '198.51.100.7' })).toBe(
      '550 1.2',
    );
  });

  it('passes relay domains on for anybody, and transports alone open nothing', async () => {
    const { recipient, route } = open({
      ...basic,
      relayDomains: ['backup.example'],
      transports: { 'inner.example': { host: '10.0.0.1' } },
      smarthost: { host: 'smart.example.net', port: 587 },
    });
    expect(await recipient('anybody@backup.example')).toBe('accept');
    expect(await recipient('anybody@inner.example')).toBe('550 7.1');
    expect(await recipient('anybody@mx.example.net')).toBe('550 7.1');
    expect(await recipient('anybody@nowhere.example.net', { login: 'PLAIN' }), 'the smarthost knows').toBe(
      'accept',
    );
    expect(await route('anybody@backup.example')).toEqual({ transport: 'mx', domain: 'backup.example' });
  });
});

describe('route-local with aliases', () => {
  const options: RouteLocalOptions = {
    domains: ['example.org', 'example.com'],
    aliases: {
      sales: ['alice@example.org', 'bob@example.com'],
      'all@example.org': [
        'sales@example.org',
        'Bob@example.org',
        'friend@mx.example.net',
        'alice@example.org',
      ],
      'alice@example.org': ['alice@example.org', 'archive@mx.example.net'],
      'ping@example.org': 'pong@example.org',
      'pong@example.org': 'ping@example.org',
      'lost@example.org': 'nobody@example.org',
      'news@example.org': 'bob+news@example.org',
    },
  };

  it.each([
    ['sales@example.com', ['alice@example.org', 'archive@mx.example.net', 'bob@example.com']],
    [
      'all@example.org',
      [
        'alice@example.org',
        'archive@mx.example.net',
        'bob@example.com',
        'Bob@example.org',
        'friend@mx.example.net',
      ],
    ],
    ['alice@example.org', ['alice@example.org', 'archive@mx.example.net']],
    ['SALES+x@example.org', ['alice@example.org', 'archive@mx.example.net', 'bob@example.com']],
    ['news@example.org', ['bob+news@example.org']],
    ['bob+x@example.org', ['bob+x@example.org']],
    ['ping@example.org', ['ping@example.org']],
    ['friend@a.example.net', ['friend@a.example.net']],
  ])('expands %s to %j', async (text, expected) => {
    expect(await open(options).expand([{ address: parse(text) }])).toEqual(expected);
  });

  it('refuses an alias that leads nowhere or in a circle', async () => {
    const { recipient } = open(options);
    expect(await recipient('ping@example.org')).toBe('550 1.1');
    expect(await recipient('lost@example.org')).toBe('550 1.1');
    expect(await recipient('all@example.org')).toBe('accept');
  });

  it('removes duplicates over the message, and hands NOTIFY and the original recipient on', async () => {
    const recipients: EnvelopeRecipient[] = [
      { address: parse('bob@example.com'), notify: 'never' },
      { address: parse('sales@example.org'), notify: ['success'] },
      { address: parse('BOB@example.com') },
    ];
    const { expandWhole } = open(options);
    expect(await expandWhole(recipients)).toEqual([
      { address: parse('bob@example.com'), notify: 'never' },
      { address: parse('alice@example.org'), notify: ['success'], orcpt: 'rfc822;sales@example.org' },
      { address: parse('archive@mx.example.net'), notify: ['success'], orcpt: 'rfc822;sales@example.org' },
    ]);
    const named = await expandWhole([
      { address: parse('news@example.org'), orcpt: 'rfc822;old@example.net' },
    ]);
    expect(named).toEqual([{ address: parse('bob+news@example.org'), orcpt: 'rfc822;old@example.net' }]);
  });

  it('gives what nobody gets to the catch-all of the domain', async () => {
    const one = open({ ...options, catchAll: { 'Example.COM': 'bob@example.com' } });
    expect(await one.recipient('whoever@example.com')).toBe('accept');
    expect(await one.recipient('whoever@example.org')).toBe('550 1.1');
    expect(await one.expand([{ address: parse('whoever@example.com') }])).toEqual(['bob@example.com']);
    expect(await one.expand([{ address: parse('postmaster@example.com') }])).not.toEqual(['bob@example.com']);
    const lost = open({ ...options, catchAll: 'missing@example.org' });
    expect(await lost.recipient('whoever@example.org'), 'a catch-all that is missing itself').toBe('550 1.1');
  });

  it('has another separator, or none', async () => {
    expect(await open({ ...basic, subaddressSeparator: '-' }).route('alice-x-y@example.org')).toMatchObject({
      detail: 'x-y',
    });
    expect(await open({ ...basic, subaddressSeparator: '-' }).recipient('alice+x@example.org')).toBe(
      '550 1.1',
    );
    expect(await open({ ...basic, subaddressSeparator: false }).recipient('alice+x@example.org')).toBe(
      '550 1.1',
    );
  });
});

describe('route-local finding the next hop', () => {
  const options: RouteLocalOptions = {
    ...basic,
    transports: {
      'lists.example': { protocol: 'lmtp', host: '127.0.0.1' },
      '*.inner.example': { host: 'inner.example', port: 2525, tls: 'required' },
      'example.com': { protocol: 'lmtp', host: '127.0.0.1', port: 2424 },
    },
  };

  it.each([
    ['alice@example.org', { transport: 'local', accountId: 'alice@example.org' }],
    ['alice+a+b@example.org', { transport: 'local', accountId: 'alice@example.org', detail: 'a+b' }],
    ['bob@example.com', { transport: 'lmtp', host: '127.0.0.1', port: 2424 }],
    ['x@lists.example', { transport: 'lmtp', host: '127.0.0.1', port: 24 }],
    ['x@a.b.inner.example', { transport: 'smtp', host: 'inner.example', port: 2525, tls: 'required' }],
    ['x@inner.example', { transport: 'mx', domain: 'inner.example' }],
    ['x@mx.example.net', { transport: 'mx', domain: 'mx.example.net' }],
    ['gone@example.org', '550 1.1'],
  ])('sends %s to %j', async (text, expected) => {
    expect(await open(options).route(text)).toEqual(expected);
  });

  it('sends the rest to the smarthost', async () => {
    const smarthost = {
      host: 'smart.example.net',
      port: 587,
      tls: 'required',
      login: 'us',
      password: 'secret',
    } as const;
    const { route } = open({ ...options, smarthost });
    expect(await route('x@mx.example.net')).toEqual({ transport: 'smtp', ...smarthost });
    expect(await route('x@lists.example')).toMatchObject({ transport: 'lmtp' });
    expect(await route('alice@example.org')).toMatchObject({ transport: 'local' });
  });
});

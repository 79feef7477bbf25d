import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createAddressTest } from './address-test.js';
import { parseProxyHeader } from './proxy-header.js';
import { readProxyHeader } from './read-proxy-header.js';
import { systemClock } from './system-clock.js';

const signature = '0d0a0d0a000d0a515549540a';

function binary(rest: string): Buffer {
  return Buffer.from(signature + rest.replaceAll(' ', ''), 'hex');
}

describe('parseProxyHeader', () => {
  it('reads version 1', () => {
    expect(parseProxyHeader(Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\nEHLO'))).toEqual({
      length: 44,
      source: { address: '192.0.2.1', port: 56_324 },
      destination: { address: '198.51.100.7', port: 25 },
    });
    expect(parseProxyHeader(Buffer.from('PROXY TCP6 2001:DB8::1 ::1 1 25\r\n'))).toMatchObject({
      source: { address: '2001:db8::1' },
    });
    expect(parseProxyHeader(Buffer.from('PROXY UNKNOWN ffff::1 x 1 2\r\n'))).toEqual({ length: 29 });
  });

  it('reads version 2', () => {
    expect(parseProxyHeader(binary('21 11 000c c0000201 c6336407 dc04 0019 4548'))).toEqual({
      length: 28,
      source: { address: '192.0.2.1', port: 56_324 },
      destination: { address: '198.51.100.7', port: 25 },
    });
    const six = `20010db8${'0'.repeat(16)}00000001`;
    expect(parseProxyHeader(binary(`21 21 0024 ${six}${six} dc04 0019`))).toMatchObject({
      length: 52,
      source: { address: '2001:db8::1', port: 56_324 },
    });
    expect(parseProxyHeader(binary('20 00 0000'))).toEqual({ length: 16 });
  });

  it.each([
    ['EHLO client.example\r\n'],
    ['PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n'],
    ['PROXY TCP4 ::1 198.51.100.7 56324 25\r\n'],
    ['PROXY TCP4 192.0.2.256 198.51.100.7 56324 25\r\n'],
    ['PROXY TCP4 192.0.2.1 198.51.100.7 65536 25\r\n'],
    [`PROXY TCP4 ${'1'.repeat(200)}`],
  ])('refuses %j', (text) => {
    expect(parseProxyHeader(Buffer.from(text))).toBe('bad');
  });

  it.each([
    ['31 11 000c'],
    ['22 11 000c'],
    ['21 11 ffff'],
    ['21 11 0004 c0000201'],
    ['21 21 000c c0000201c6336407dc040019'],
  ])('refuses version 2 with %s', (rest) => {
    expect(parseProxyHeader(binary(rest))).toBe('bad');
  });

  it('wants more of every beginning, and never takes octets that are not its own', () => {
    const whole = [
      Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n'),
      binary('21 11 000c c0000201 c6336407 dc04 0019'),
    ];
    for (const header of whole) {
      for (let end = 0; end < header.length; end++)
        expect(parseProxyHeader(header.subarray(0, end))).toBe('more');
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const result = parseProxyHeader(Buffer.from(octets));
        expect(typeof result === 'string' || result.length <= octets.length).toBe(true);
      }),
    );
  });
});

describe('createAddressTest', () => {
  it('knows networks of both families and plain addresses', () => {
    const test = createAddressTest(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7']);
    expect(['192.0.2.200', '2001:db8:1::1', '198.51.100.7'].every(test)).toBe(true);
    expect(['192.0.3.1', '2001:db9::1', '198.51.100.8', ''].some(test)).toBe(false);
  });

  it.each(['example.org', '192.0.2.0/33', '192.0.2.0/x', '::/129', '192.0.2.0/24/8'])(
    'refuses %s',
    (network) => {
      expect(() => createAddressTest([network])).toThrow(RangeError);
    },
  );
});

describe('readProxyHeader', () => {
  const opened: { destroy(): void; close?(): void }[] = [];

  afterEach(() => {
    for (const one of opened.splice(0)) one.destroy();
  });

  async function pair(): Promise<{ client: Socket; server: Socket }> {
    const listening = createServer();
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const client = connect((listening.address() as { port: number }).port, '127.0.0.1');
    const [server] = (await once(listening, 'connection')) as [Socket];
    listening.close();
    opened.push(client, server);
    return { client, server };
  }

  it('leaves what stands behind the header to whoever reads next', async () => {
    const { client, server } = await pair();
    client.write('PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\nEHLO client.example\r\n');
    const header = await readProxyHeader(server, systemClock);
    expect(header.source?.address).toBe('192.0.2.1');
    const [rest] = (await once(server, 'data')) as [Buffer];
    expect(rest.toString()).toBe('EHLO client.example\r\n');
  });

  it('takes a header that comes in pieces', async () => {
    const { client, server } = await pair();
    client.setNoDelay();
    const reading = readProxyHeader(server, systemClock);
    for (const octet of binary('20 00 0000')) {
      client.write(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reading).toEqual({ length: 16 });
  });

  it('gives up on a peer that sends something else, nothing, or leaves', async () => {
    const clock = createVirtualClock();
    const other = await pair();
    other.client.write('EHLO client.example\r\n');
    await expect(readProxyHeader(other.server, clock)).rejects.toThrow('can not be understood');
    const silent = await pair();
    const waiting = expect(readProxyHeader(silent.server, clock)).rejects.toThrow('took too long');
    await clock.advance(10_000);
    await waiting;
    const gone = await pair();
    gone.client.end();
    await expect(readProxyHeader(gone.server, clock)).rejects.toThrow('did not come');
    expect(clock.timers).toBe(0);
  });
});

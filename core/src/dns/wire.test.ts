import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResponse, encodeAnswer } from './wire.js';

const question = { id: 7, name: 'example.org', type: 'MX' };
const valid = encodeAnswer(question, {
  rcode: 0,
  isAuthentic: true,
  records: [
    { name: 'example.org', ttlSeconds: 60, type: 'MX', preference: 10, exchange: 'mx.example.org' },
    { name: 'example.org', ttlSeconds: 60, type: 'TXT', value: 'v=spf1 -all' },
    { name: 'mx.example.org', ttlSeconds: 60, type: 'A', value: '192.0.2.1' },
  ],
});

function changed(at: number, ...octets: number[]): Buffer {
  const bytes = Buffer.from(valid);
  for (const [offset, octet] of octets.entries()) bytes[at + offset] = octet;
  return bytes;
}

describe('a response', () => {
  it('is read', () => {
    const { id, rcode, isAuthentic, records } = decodeResponse(valid) ?? {};
    expect({ id, rcode, isAuthentic, count: records?.length }).toEqual({
      id: 7,
      rcode: 'NOERROR',
      isAuthentic: true,
      count: 3,
    });
  });

  it('that is cut off is none', () => {
    for (let length = 0; length < valid.length; length++) {
      const response = decodeResponse(valid.subarray(0, length));
      // Fewer records than announced are never taken for all of them.
      expect(response?.records.length ?? 0).toBe(0);
    }
  });

  it('that lies about its counts is none', () => {
    for (const at of [4, 6, 8, 10]) expect(decodeResponse(changed(at, 0xff, 0xff))).toBeUndefined();
  });

  it('that lies about the length of a record is none', () => {
    // Header, question, then name (a pointer), type, class and time to live of the first record.
    const at = 12 + 'example.org'.length + 2 + 4;
    const start = valid.indexOf(Buffer.from([0, 15, 0, 1]), at);
    const response = decodeResponse(changed(start + 8, 0xff, 0xff));
    expect(response?.records.some((record) => record.type === 'MX') ?? false).toBe(false);
  });

  it('with a name that points at itself is none', () => {
    const loop = Buffer.concat([valid.subarray(0, 12), Buffer.from([0xc0, 12, 0, 15, 0, 1])]);
    expect(decodeResponse(loop)).toBeUndefined();
    const circle = Buffer.concat([valid.subarray(0, 12), Buffer.from([0xc0, 14, 0xc0, 12, 0, 15, 0, 1])]);
    expect(decodeResponse(circle)).toBeUndefined();
  });

  it('of any octets at all never throws, and is bounded by them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
        const response = decodeResponse(Buffer.from(octets));
        expect(response?.records.length ?? 0).toBeLessThanOrEqual(octets.length);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(valid);
        for (const [at, octet] of changes) bytes[at] = octet;
        expect(decodeResponse(bytes)?.records.length ?? 0).toBeLessThanOrEqual(valid.length);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Bodies in a bucket, against a real S3-compatible service, over a wire that fails. */
import { createHash } from 'node:crypto';
import { bodiesS3 } from '@postroad/bodies-s3';
import { Bodies, definePlugin } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import type { S3Options } from '@postroad/s3';
import { type FaultWire, openFaultWire, s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const mebibyte = 1_048_576;
if (s3Missing !== undefined) console.warn(`SKIPPED: ${s3Missing}`);

/** Octets that differ everywhere. */
function sampleOctets(length: number): Buffer {
  const octets = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) octets.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return octets;
}

function bodyOf(octets: Buffer, pieceBytes = 100_000) {
  return {
    sizeBytes: octets.length,
    async *open() {
      for (let at = 0; at < octets.length; at += pieceBytes) yield octets.subarray(at, at + pieceBytes);
    },
  };
}

describe.skipIf(s3Missing !== undefined)('bodies-s3', () => {
  let service: TestS3;
  let wire: FaultWire;
  const stops: (() => Promise<void>)[] = [];

  const open = async (more: Partial<S3Options> = {}): Promise<Bodies> => (await openWith(more)).bodies;
  async function openWith(more: Partial<S3Options> = {}): Promise<{ bodies: Bodies; mta: TestMta }> {
    let bodies: Bodies | undefined;
    const probe = definePlugin({
      name: 'probe',
      needs: { bodies: Bodies },
      setup({ services }) {
        bodies = services.bodies;
      },
    });
    const endpoint = `http://127.0.0.1:${wire.port}`;
    const options = { ...service.options({ endpoint, partBytes: 5 * mebibyte }), ...more };
    const mta = await startTestMta({ listeners: [], plugins: [bodiesS3(options), probe()] });
    stops.push(() => mta.stop());
    if (bodies === undefined) throw new Error('there are no bodies');
    return { bodies, mta };
  }
  async function readAll(bodies: Bodies, name: string, start: number, end: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of bodies.read(name, { start, end })) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  const digest = (octets: Buffer) => createHash('sha256').update(octets).digest('hex');

  beforeAll(async () => {
    service = await startTestS3();
    wire = await openFaultWire(service.port);
  });
  afterEach(async () => {
    wire.decide(() => 'pass');
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(async () => {
    await wire?.close();
    await service?.stop();
  });

  it('keeps a body, reads ranges of it, and removes it, also twice', async () => {
    const bodies = await open({ readBytes: 4_096 });
    const octets = sampleOctets(100_000);
    await bodies.write('mailboxes/one', bodyOf(octets));
    expect((await readAll(bodies, 'mailboxes/one', 0, 100_000)).equals(octets)).toBe(true);
    expect(await readAll(bodies, 'mailboxes/one', 4_090, 4_100)).toEqual(octets.subarray(4_090, 4_100));
    expect(await readAll(bodies, 'mailboxes/one', 99_999, 100_000)).toEqual(octets.subarray(99_999));
    await bodies.remove('mailboxes/one');
    await bodies.remove('mailboxes/one');
    await expect(readAll(bodies, 'mailboxes/one', 0, 1)).rejects.toMatchObject({ code: 'E_BODIES' });
  });

  it('streams a large body in parts under its prefix, and does it once although the last answer was lost', async () => {
    const bodies = await open({ prefix: 'here/', readBytes: 4 * mebibyte });
    const octets = sampleOctets(11 * mebibyte + 3);
    let lost = 0;
    wire.decide((method, url) => {
      const isLast = method === 'POST' && url.includes('uploadId=');
      return isLast && lost++ === 0 ? 'lose' : 'pass';
    });
    await bodies.write('large', bodyOf(octets, 700_001));
    expect(lost).toBeGreaterThan(1);
    expect(await service.keys()).toContain('here/large');
    expect(digest(await readAll(bodies, 'large', 0, octets.length))).toBe(digest(octets));
    await expect(readAll(bodies, 'large', octets.length - 1, octets.length + 1)).rejects.toMatchObject({
      code: 'E_BODIES',
    });
    expect(await service.uploads()).toBe(0);
    await bodies.remove('large');
    expect(await service.keys()).not.toContain('here/large');
  });

  it.each(['busy', 'throttled', 'cut', 'lose'] as const)(
    'tries again when a request meets "%s"',
    async (fault) => {
      const bodies = await open();
      let faults = 0;
      wire.decide((method) => (method === 'PUT' && faults++ < 2 ? fault : 'pass'));
      const octets = sampleOctets(1_000);
      await bodies.write(`again-${fault}`, bodyOf(octets));
      expect(faults).toBe(3);
      wire.decide((method) => (method === 'GET' && faults++ < 4 ? fault : 'pass'));
      expect((await readAll(bodies, `again-${fault}`, 0, 1_000)).equals(octets)).toBe(true);
    },
  );

  it('does not believe a service that says 200 and that it failed, and reads from one that knows no ranges', async () => {
    const bodies = await open({ readBytes: 4_096 });
    wire.decide((method, url) => (method === 'POST' && url.includes('uploadId=') ? 'broken' : 'pass'));
    const written = bodies.write('broken', bodyOf(sampleOctets(6 * mebibyte)));
    await expect(written).rejects.toMatchObject({ code: 'E_BODIES' });
    expect(await service.keys()).not.toContain('broken');
    expect(await service.uploads()).toBe(0);
    const octets = sampleOctets(10_000);
    await bodies.write('whole', bodyOf(octets));
    wire.decide(() => 'whole');
    expect(await readAll(bodies, 'whole', 1_000, 9_000)).toEqual(octets.subarray(1_000, 9_000));
  });

  it('writes no more at once than it may, and says when the service is away and when it is back', async () => {
    const { bodies, mta } = await openWith({ writesMax: 2, attemptsMax: 2 });
    let [now, most] = [0, 0];
    const counted = (octets: Buffer) => ({
      ...bodyOf(octets),
      async *open() {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        yield octets;
        now--;
      },
    });
    await Promise.all([1, 2, 3, 4, 5].map((at) => bodies.write(`many${at}`, counted(sampleOctets(100)))));
    expect(most).toBe(2);
    const away = () => mta.mta.metrics().find((one) => one.name === 'bodies_s3_away')?.value;
    wire.decide(() => 'busy');
    await expect(bodies.write('away', bodyOf(sampleOctets(10)))).rejects.toMatchObject({ code: 'E_BODIES' });
    expect(away()).toBe(1);
    await mta.whenLogged('S3 does not answer: large messages are put off until it does');
    wire.decide(() => 'pass');
    await bodies.write('back', bodyOf(sampleOctets(10)));
    expect(away()).toBe(0);
    await mta.whenLogged('S3 answers again');
    const failed = mta.mta
      .metrics()
      .find((one) => one.name === 'bodies_s3_requests_total' && one.labels.outcome === 'failed');
    expect(failed?.value).toBe(2);
  });

  it('gives up a body when the service is silent, and leaves nothing of an upload in parts', async () => {
    const bodies = await open({ requestTimeoutMs: 1_000, attemptsMax: 1 });
    wire.decide((_method, url) => (url.includes('partNumber=2') ? 'silence' : 'pass'));
    const written = bodies.write('silent', bodyOf(sampleOctets(6 * mebibyte)));
    await expect(written).rejects.toMatchObject({ code: 'E_BODIES' });
    expect(await service.uploads()).toBe(0);
    const late = await open({ writeTimeoutMs: 200 });
    wire.decide(() => 'silence');
    await expect(late.write('late', bodyOf(sampleOctets(10)))).rejects.toMatchObject({ code: 'E_BODIES' });
  });

  it('removes with a body what nobody finished, and nothing of others', async () => {
    const bodies = await open();
    await service.beginUpload('dead');
    await service.beginUpload('dead-too');
    await bodies.remove('dead');
    expect(await service.uploads()).toBe(1);
    await bodies.remove('dead-too');
    expect(await service.uploads()).toBe(0);
  });

  it('starts while the service is away, fails, and works when it is back', async () => {
    await service.kill();
    const bodies = await open({ attemptsMax: 1 });
    const write = () => bodies.write('back', bodyOf(sampleOctets(10)));
    await expect(write()).rejects.toMatchObject({ code: 'E_BODIES' });
    await service.start();
    await write();
    expect(await service.keys()).toContain('back');
  });

  it('refuses to start with a bucket that is not there, or a secret that is wrong', async () => {
    await expect(open({ bucket: 'elsewhere' })).rejects.toMatchObject({ code: 'E_START' });
    await expect(open({ secretAccessKey: 'wrong' })).rejects.toMatchObject({ code: 'E_START' });
  });

  it('refuses names that would be another in a URL', async () => {
    const bodies = await open();
    for (const name of ['', '/a', 'a/../b', 'a b', 'a?x', 'a//b', 'x'.repeat(600)])
      await expect((async () => bodies.remove(name))(), name).rejects.toMatchObject({ code: 'E_BODIES' });
  });
});

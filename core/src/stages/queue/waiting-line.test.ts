import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import type { DeliveryJob } from './delivery-job.js';
import { createWaitingLine } from './waiting-line.js';

const { origin } = sampleMessage('x', []);
const job = (id: string, tenant: string) =>
  ({ message: sampleMessage(id, [], { origin: { ...origin, tenant } }) }) as unknown as DeliveryJob;
const idOf = (one: DeliveryJob | undefined) => one?.message.id;

describe('the line of a site', () => {
  it('passes over a tenant whose first may not begin, and keeps its turn for it', () => {
    const line = createWaitingLine();
    for (const [id, tenant] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['b2', 'b'],
    ] as const)
      line.add(job(id, tenant));
    const notA = (one: DeliveryJob) => one.message.origin.tenant !== 'a';
    expect([idOf(line.take(notA)), idOf(line.take(notA)), idOf(line.take(notA))]).toEqual([
      'b1',
      'b2',
      undefined,
    ]);
    expect([line.size, line.waitingOf('a'), line.waitingOf('b')]).toEqual([2, 2, 0]);
    expect([idOf(line.take()), idOf(line.take()), idOf(line.take())]).toEqual(['a1', 'a2', undefined]);
    expect(line.size).toBe(0);
  });

  it('gives those that are meant, and leaves the others in their order', () => {
    const line = createWaitingLine();
    for (const id of ['a1', 'a2', 'a3']) line.add(job(id, 'a'));
    line.add(job('b1', 'b'));
    expect(line.takeWhere(({ message }) => message.id === 'a2' || message.id === 'b1').map(idOf)).toEqual([
      'a2',
      'b1',
    ]);
    expect(line.size).toBe(2);
    expect(line.takeAll().map(idOf)).toEqual(['a1', 'a3']);
    expect([line.size, line.takeAll()]).toEqual([0, []]);
  });
});

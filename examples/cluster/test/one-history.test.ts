/** A message that one node accepts and tries, and another delivers: `postroad trace` at either tells of all of it. */
import { accept, definePlugin, type MtaOptions, reply } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { observeTimelinePostgres } from '@postroad/observe-timeline-postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { queuePostgres } from '@postroad/queue-postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

/** Where mail for elsewhere is taken, or put off. */
const world = (isOpen: boolean) =>
  definePlugin({
    name: 'deliver-world',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
      tap('deliver', ({ recipients }) => ({
        outcomes: recipients.map(({ index }) =>
          isOpen
            ? { index, status: 'delivered', reply: reply(250, '0.0', 'taken') }
            : { index, status: 'deferred', reply: reply(451, '7.1', 'come back later') },
        ),
      }));
    },
  })();

describe.skipIf(postgresMissing !== undefined)('the history of a message', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  it('is one, whichever nodes tried it', async () => {
    const url = await server.url();
    const shared = { url, migrates: true, connectTimeoutMs: 20_000 };
    const node = (name: string, isOpen: boolean, queue: MtaOptions['queue'] = {}) =>
      startTestMta({
        queue,
        plugins: [
          queuePostgres({ ...shared, node: name }),
          observeTimelinePostgres({ ...shared, node: name }),
          world(isOpen),
        ],
      });
    const a = await node('a', false, { retryDelaysMs: [3_600_000] });
    await using b = await node('b', true);
    const { id } = await a.mta.submit(
      { reversePath: 'alice@near.test', recipients: ['bob@far.test'] },
      'Message-ID: <1@near.test>\r\n\r\nhello\r\n',
    );
    const told = async (query: string): Promise<readonly string[]> => {
      const [trace] = await b.mta.queue.trace(query);
      return trace?.entries.map(({ event, node: at }) => `${event} at ${at}`) ?? [];
    };
    const begun = ['queued at a', 'deferred at a'];
    await expect.poll(() => told('bob@far.test'), { timeout: 20_000 }).toEqual(begun);
    await a.stop();
    expect(await b.mta.queue.retry({ messageId: id })).toBe(1);
    const whole = [...begun, 'delivered at b'];
    await expect.poll(() => told('1@near.test'), { timeout: 20_000 }).toEqual(whole);
  });
});

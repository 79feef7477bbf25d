import { expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { accept, reject } from '../values/verdict.js';

it('tells of the end of the connection, whatever becomes of the message, and of the message before', async () => {
  const told: string[] = [];
  const watch = definePlugin({
    name: 'watch',
    setup({ tap }) {
      tap('recipient', (_transaction, { address }) =>
        address.localPart === 'no' ? reject(550, '1.1', 'no') : accept(),
      );
      tap('accepted', () => void told.push('accepted'));
      tap('closed', ({ protocol, signal }) => void told.push(`closed ${protocol} ${signal.aborted}`));
    },
  });
  await using server = await startTestMta({ plugins: [watch()] });
  await server.mta.submit({ reversePath: '', recipients: ['yes@d.test'] }, 'hi');
  await expect.poll(() => told).toEqual(['accepted', 'closed code true']);
  told.length = 0;
  await expect(server.mta.submit({ reversePath: '', recipients: ['no@d.test'] }, 'hi')).rejects.toThrow();
  await expect.poll(() => told).toEqual(['closed code true']);
});

import { expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { accept } from '../values/verdict.js';
import { key, State } from './key.js';

it('holds values by key, and knows which go with the message', () => {
  const state = new State();
  expect(state.persistent()).toBeUndefined();
  const points = key<number>('test.points', { persistent: true });
  const seen = key<boolean>('test.seen');
  expect(state.get(points)).toBeUndefined();
  state.set(seen, true);
  expect(state.persistent()).toBeUndefined();
  state.set(points, 3);
  // A key of the same name, made by another copy of the plugin, is the same key.
  expect(state.get(key<number>('test.points'))).toBe(3);
  expect(state.persistent()).toEqual({ 'test.points': 3 });
});

it('is kept apart by connection, transaction and message, and persistent keys reach the delivery', async () => {
  const count = key<number>('test.count', { persistent: true });
  const found: unknown[] = [];
  const plugin = definePlugin({
    name: 'test-state',
    setup({ tap }) {
      tap('recipient', (transaction) => {
        transaction.set(count, 1);
        transaction.connection.set(count, 2);
        return accept();
      });
      tap('message', (message) => {
        found.push(
          message.get(count),
          message.transaction.get(count),
          message.transaction.connection.get(count),
        );
        message.set(count, 3);
        return undefined;
      });
      tap('route', () => ({ transport: 'local', accountId: 'a' }));
      tap('filing', ({ message }) => void found.push(message.state));
    },
  });
  await using server = await startTestMta({ plugins: [plugin()] });
  await server.mta.submit({ reversePath: null, recipients: ['a@b.test'] }, 'Subject: x\n\ny\n');
  await server.whenLogged('delivered');
  expect(found).toEqual([undefined, 1, 2, { 'test.count': 3 }]);
});

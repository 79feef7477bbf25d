import { expect, test } from 'vitest';
import { borrowController, returnController } from './spare-controllers.js';

test('a controller that was given back serves the next one', () => {
  const first = borrowController();
  returnController(first);
  expect(borrowController()).toBe(first);
});

test('one that was aborted is not used again', () => {
  const aborted = borrowController();
  aborted.abort();
  returnController(aborted);
  const next = borrowController();
  expect(next).not.toBe(aborted);
  expect(next.signal.aborted).toBe(false);
});

test('one that somebody still listens to is not used again', () => {
  const heard = borrowController();
  heard.signal.addEventListener('abort', () => {});
  returnController(heard);
  expect(borrowController()).not.toBe(heard);
  const assigned = borrowController();
  assigned.signal.onabort = () => {};
  returnController(assigned);
  expect(borrowController()).not.toBe(assigned);
});

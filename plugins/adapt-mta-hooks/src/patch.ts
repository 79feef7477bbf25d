/**
 * Applying what a service answers to the document that it was asked about: lists of `set`, `add` and `delete` by JSON
 * Pointer (RFC 6901), or a JSON Patch (RFC 6902). The document is not changed; a path that does not fit is an error.
 */
import { MailError } from '@postroad/core';
import type { Plain } from './cbor.js';

type Mutable = null | boolean | number | string | Uint8Array | Mutable[] | { [key: string]: Mutable };

interface Operation {
  readonly op: 'add' | 'replace' | 'remove' | 'test' | 'set';
  readonly path: readonly string[];
  readonly value: Plain;
  readonly index: number | undefined;
}

const operationsMax = 10_000;

/** The document with the answer applied. */
export function applyAnswer(document: Plain, answer: Plain): Plain {
  const copy = clone(document);
  for (const operation of operationsOf(answer)) apply(copy, operation);
  return copy;
}

function operationsOf(answer: Plain): readonly Operation[] {
  const list = Array.isArray(answer) ? answer.map(readPatch) : readLists(answer);
  if (list.length > operationsMax) throw wrong('too many changes');
  return list;
}

/** JSON Patch; `move` and `copy` are not used by services and not carried. */
function readPatch(operation: Plain): Operation {
  const { op, path, value } = asObject(operation);
  if (op !== 'add' && op !== 'replace' && op !== 'remove' && op !== 'test')
    throw wrong(`the change ${String(op)}`);
  return { op, path: pointerOf(path), value: value ?? null, index: undefined };
}

function readLists(answer: Plain): readonly Operation[] {
  const { set = [], add = [], delete: gone = [] } = asObject(answer);
  const all = (list: Plain, op: Operation['op']) =>
    asArray(list).map((one): Operation => {
      const { path, value, index } = asObject(one);
      const place =
        typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
      if (index !== undefined && index !== null && place === undefined) throw wrong('an index that is none');
      return { op, path: pointerOf(path), value: value ?? null, index: place };
    });
  return [...all(set, 'set'), ...all(gone, 'remove'), ...all(add, 'add')];
}

function pointerOf(path: Plain | undefined): readonly string[] {
  if (typeof path !== 'string' || !path.startsWith('/') || path.length > 1_000)
    throw wrong('a path that is none');
  const parts = path.slice(1).split('/');
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function apply(document: Mutable, { op, path, value, index }: Operation): void {
  const last = path.at(-1) as string;
  let place = document;
  for (const part of path.slice(0, -1)) place = step(place, part);
  const target = (place as { [key: string]: Mutable } | null)?.[last];
  // In the lists form `add` appends to an array that the path names.
  if (op === 'add' && Array.isArray(target) && (index !== undefined || !Array.isArray(place))) {
    if (index !== undefined && index > target.length) throw wrong('an index beyond the end');
    target.splice(index ?? target.length, 0, clone(value));
    return;
  }
  if (op === 'test') {
    if (JSON.stringify(target) !== JSON.stringify(value)) throw wrong('a test that does not hold');
    return;
  }
  if (Array.isArray(place)) changeArray(place, op, last, value);
  else changeObject(place, op, last, value);
}

function changeArray(place: Mutable[], op: Operation['op'], last: string, value: Plain): void {
  const at = last === '-' ? place.length : Number(/^(?:0|[1-9]\d{0,8})$/.exec(last)?.[0]);
  if (!(at >= 0 && at <= place.length) || (op !== 'add' && at === place.length))
    throw wrong('a place that is not there');
  if (op === 'add') place.splice(at, 0, clone(value));
  else if (op === 'remove') place.splice(at, 1);
  else place[at] = clone(value);
}

function changeObject(place: Mutable, op: Operation['op'], last: string, value: Plain): void {
  if (typeof place !== 'object' || place === null || place instanceof Uint8Array || Array.isArray(place)) {
    throw wrong('a place that is not there');
  }
  if (op === 'remove') {
    if (!Object.hasOwn(place, last)) throw wrong('a place that is not there');
    delete place[last];
    return;
  }
  Object.defineProperty(place, last, {
    value: clone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function step(place: Mutable, part: string): Mutable {
  const isThere = typeof place === 'object' && place !== null && Object.hasOwn(place, part);
  if (!isThere) throw wrong('a place that is not there');
  return (place as { [key: string]: Mutable })[part] as Mutable;
}

function clone(value: Plain): Mutable {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value as Mutable;
  if (Array.isArray(value)) return value.map(clone);
  const entries = Object.entries(value).filter((entry): entry is [string, Plain] => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, clone(inner)]));
}

/** A value as an object; anything else is an error. */
export function asObject(value: Plain | undefined): { readonly [key: string]: Plain | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw wrong('something that is no object');
  }
  return value as { readonly [key: string]: Plain | undefined };
}

/** A value as a list. */
export function asArray(value: Plain | undefined): readonly Plain[] {
  if (!Array.isArray(value)) throw wrong('something that is no list');
  return value;
}

/** What an answer that can't be carried out is. */
export function wrong(what: string): MailError {
  return new MailError('E_PEER', `the service answered with ${what}`);
}

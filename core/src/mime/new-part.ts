/** Making the parts of a structure. */
import { type EntityFacts, readEntityFacts } from './entity-header.js';
import type { MimePart } from './structure.js';

/** A value while it is being made. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A part without a body yet. Written out field by field, for it is made for every part of every message. */
export function newPart(facts: EntityFacts, headerStart: number, bodyStart: number): Mutable<MimePart> {
  return {
    type: facts.type,
    subtype: facts.subtype,
    parameters: facts.parameters,
    id: facts.id,
    description: facts.description,
    encoding: facts.encoding,
    md5: facts.md5,
    disposition: facts.disposition,
    language: facts.language,
    location: facts.location,
    headerStart,
    bodyStart,
    bodyEnd: bodyStart,
    lines: 0,
    children: [],
    message: null,
  };
}

/** A multipart in which no part was found shows its whole body as plain text. */
export function impliedChild(parent: MimePart): MimePart {
  const child = newPart(readEntityFacts(new Map(), false), parent.bodyStart, parent.bodyStart);
  child.bodyEnd = parent.bodyEnd;
  child.lines = parent.lines;
  return child;
}

/** Writing BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2). */
import type { MimeParameters, MimePart } from '@postroad/core';
import { writeEnvelope } from './envelope.js';
import { type StringOptions, writeNString, writeString } from './write-string.js';

/** Deeper parts are told as opaque octets, so that no message can exhaust the stack. */
const depthMax = 100;

/** The structure as octets; `isExtended` tells BODYSTRUCTURE from BODY. */
export function writeBodyStructure(part: MimePart, isExtended: boolean, options: StringOptions): string {
  return writePart(part, isExtended, options, 0);
}

function writePart(part: MimePart, isExtended: boolean, options: StringOptions, depth: number): string {
  // A multipart without parts has no way to be written as one.
  if (part.children.length === 0 || depth > depthMax) return writeLeaf(part, isExtended, options, depth);
  let text = '(';
  for (const child of part.children) text += writePart(child, isExtended, options, depth + 1);
  text += ` ${writeString(part.subtype.toUpperCase(), options)}`;
  if (isExtended) text += ` ${writeParameters(part.parameters, options)}${writeExtension(part, options)}`;
  return `${text})`;
}

function writeLeaf(part: MimePart, isExtended: boolean, options: StringOptions, depth: number): string {
  const isOpaque = part.type === 'multipart';
  const type = isOpaque ? 'application' : part.type;
  const subtype = isOpaque ? 'octet-stream' : part.subtype;
  let text =
    `(${writeString(type.toUpperCase(), options)} ${writeString(subtype.toUpperCase(), options)} ` +
    `${writeParameters(part.parameters, options)} ${writeNString(part.id, options)} ` +
    `${writeNString(part.description, options)} ${writeString(part.encoding.toUpperCase(), options)} ` +
    `${part.bodyEnd - part.bodyStart}`;
  if (part.message !== null && depth <= depthMax) {
    text +=
      ` ${writeEnvelope(part.message.envelope, options)} ` +
      `${writePart(part.message.structure, isExtended, options, depth + 1)} ${part.lines}`;
  } else if (type === 'text') text += ` ${part.lines}`;
  if (isExtended) text += ` ${writeNString(part.md5, options)}${writeExtension(part, options)}`;
  return `${text})`;
}

function writeExtension(part: MimePart, options: StringOptions): string {
  const { disposition, language } = part;
  const place =
    disposition === null
      ? 'NIL'
      : `(${writeString(disposition.value, options)} ${writeParameters(disposition.parameters, options)})`;
  return ` ${place} ${writeLanguage(language, options)} ${writeNString(part.location, options)}`;
}

function writeLanguage(language: readonly string[] | null, options: StringOptions): string {
  if (language === null || language.length === 0) return 'NIL';
  if (language.length === 1) return writeString(language[0] as string, options);
  return `(${language.map((tag) => writeString(tag, options)).join(' ')})`;
}

function writeParameters(parameters: MimeParameters, options: StringOptions): string {
  if (parameters.length === 0) return 'NIL';
  let text = '';
  for (const [name, value] of parameters) {
    text += `${text === '' ? '' : ' '}${writeString(name.toUpperCase(), options)} ${writeString(value, options)}`;
  }
  return `(${text})`;
}

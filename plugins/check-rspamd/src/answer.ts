/** What rspamd answers to `/checkv2`, read from its JSON once; what does not fit is an error, what is unknown is skipped. */
import { MailError } from '@postroad/core';
import { z } from 'zod';

const text = z.union([z.string(), z.number()]).transform(String);
const header = z.union([
  text.transform((value) => ({ value, order: undefined })),
  z.object({ value: text, order: z.int().optional() }),
]);
const headers = z.union([z.array(header), header.transform((one) => [one])]);
const lines = z.union([z.array(text), text.transform((one) => [one])]);

const symbol = z.object({
  score: z.number().default(0),
  description: text.optional(),
  options: z.array(text).optional(),
});

const milter = z.object({
  add_headers: z.record(z.string(), headers).default({}),
  remove_headers: z.record(z.string(), z.int()).default({}),
  spam_header: z.union([text, z.record(z.string(), headers)]).optional(),
  change_from: text.optional(),
  add_rcpt: lines.default([]),
  del_rcpt: lines.default([]),
  reject: text.optional(),
  no_action: z.boolean().default(false),
});

const answer = z.object({
  action: z.string(),
  score: z.number(),
  required_score: z.number().optional(),
  is_skipped: z.boolean().default(false),
  symbols: z.record(z.string(), symbol).default({}),
  messages: z.record(z.string(), z.unknown()).default({}),
  subject: text.optional(),
  'dkim-signature': lines.default([]),
  milter: milter.prefault({}),
});

/** A checked answer. */
export type RspamdAnswer = Readonly<z.infer<typeof answer>>;

/** Reads an answer; throws `E_PEER` when it is none. */
export function readAnswer(octets: Buffer): RspamdAnswer {
  let value: unknown;
  try {
    value = JSON.parse(octets.toString('utf8'));
  } catch (cause) {
    throw new MailError('E_PEER', 'rspamd did not answer with JSON', { cause });
  }
  const read = answer.safeParse(value);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new MailError('E_PEER', `rspamd's answer: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return read.data;
}

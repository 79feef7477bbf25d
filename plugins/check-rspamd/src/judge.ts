/** What an answer means: findings for policy, a verdict, and changes of the header. */
import {
  defer,
  discard,
  type Finding,
  type Grounds,
  type HeaderEdit,
  type HeaderSection,
  headerField,
  type NewHeaderField,
  quarantine,
  reject,
  type Verdict,
} from '@postroad/core';
import type { RspamdAnswer } from './answer.js';
import type { CheckRspamdConfig } from './config.js';

/** Each symbol as a finding with its score; their sum is rspamd's score. */
export function findingsOf(answer: RspamdAnswer): readonly Finding[] {
  const symbols = Object.entries(answer.symbols).map(
    ([name, { score, description, options }]): Finding => ({
      source: 'rspamd',
      result: name,
      score,
      ...(description !== undefined && { text: description }),
      ...(options !== undefined && { details: options }),
    }),
  );
  const { action, score, required_score: required } = answer;
  const scale = required === undefined ? '' : ` of ${required}`;
  return [{ source: 'rspamd', result: action, text: `${score}${scale}` }, ...symbols];
}

/** What refuses at once, or nothing. */
export function refusalOf(answer: RspamdAnswer, config: CheckRspamdConfig): Verdict | undefined {
  if (answer.milter.no_action) return undefined;
  const grounds = groundsOf(answer);
  const deferred = defer(451, '7.1', said(answer) ?? 'try again later', grounds);
  switch (answer.action) {
    case 'soft reject':
      return deferred;
    case 'greylist':
      return config.greylist === 'defer' ? deferred : undefined;
    case 'reject':
      if (config.reject !== 'reject' || isMilterAction(answer)) return undefined;
      return reject(550, '7.1', said(answer) ?? 'message refused', grounds);
    default:
      return undefined;
  }
}

/** What takes the message, and sets it apart or drops it; asked after everybody who may refuse. */
export function markOf(answer: RspamdAnswer, config: CheckRspamdConfig): Verdict | undefined {
  if (answer.milter.no_action) return undefined;
  const reason = `rspamd: ${answer.action}, ${answer.score}`;
  const grounds = groundsOf(answer);
  switch (answer.action) {
    case 'reject':
      if (answer.milter.reject === 'discard') return discard(reason, grounds);
      return answer.milter.reject === 'quarantine' || config.reject === 'quarantine'
        ? quarantine(reason, grounds)
        : undefined;
    case 'discard':
      return discard(reason, grounds);
    case 'quarantine':
      return quarantine(reason, grounds);
    case 'add header':
    case 'rewrite subject':
      return config.addHeader === 'quarantine' ? quarantine(reason, grounds) : undefined;
    default:
      return undefined;
  }
}

/** The action as the rule; the score and what made most of it as the reason. */
function groundsOf({ action, score, symbols }: RspamdAnswer): Grounds {
  const heaviest = Object.entries(symbols).sort(([, a], [, b]) => b.score - a.score);
  const names = heaviest.slice(0, 5).map(([name, symbol]) => `${name} ${symbol.score}`);
  return { rule: action, reason: [`score ${score}`, ...names].join(', ').slice(0, 500) };
}

/** rspamd may name something milder than a refusal. */
function isMilterAction({ milter }: RspamdAnswer): boolean {
  return milter.reject === 'discard' || milter.reject === 'quarantine';
}

function said(answer: RspamdAnswer): string | undefined {
  const text = answer.messages.smtp_message;
  return typeof text === 'string' && text.trim() !== '' ? text : undefined;
}

/** The changes of the header, in the order of rspamd's own milter: what goes, what comes, subject, spam mark, signature. */
export function headerEdits(answer: RspamdAnswer, header: HeaderSection): readonly HeaderEdit[] {
  const { milter, action, subject } = answer;
  const edits: HeaderEdit[] = [];
  for (const [name, occurrence] of Object.entries(milter.remove_headers)) {
    edits.push(...removal(name, occurrence, header));
  }
  const count = header.fields.length - edits.length;
  for (const [name, fields] of Object.entries(milter.add_headers)) {
    for (const { value, order } of fields) edits.push(addition(fieldOf(name, value), order, count));
  }
  if (action === 'rewrite subject' && subject !== undefined) {
    const field = fieldOf('Subject', subject);
    edits.push(
      header.get('subject') === undefined
        ? { kind: 'append', field }
        : { kind: 'replace', occurrence: 1, field },
    );
  }
  if (action === 'add header') edits.push(...spamMark(answer));
  for (const signature of answer['dkim-signature']) {
    edits.push({ kind: 'insert', index: 0, field: fieldOf('DKIM-Signature', signature) });
  }
  return edits;
}

/** Occurrences count from 1, negative ones from the bottom; 0 is all. */
function removal(name: string, occurrence: number, header: HeaderSection): readonly HeaderEdit[] {
  if (occurrence === 0) return [{ kind: 'remove', name }];
  const at = occurrence > 0 ? occurrence : header.all(name).length + 1 + occurrence;
  return at < 1 ? [] : [{ kind: 'remove', name, occurrence: at }];
}

/** A number is the place from the top, a negative one from the bottom; without one it is the bottom. */
function addition(field: NewHeaderField, order: number | undefined, count: number): HeaderEdit {
  if (order === undefined || order === -1) return { kind: 'append', field };
  return { kind: 'insert', index: order >= 0 ? order : Math.max(0, count + 1 + order), field };
}

function spamMark({ milter }: RspamdAnswer): readonly HeaderEdit[] {
  const mark = milter.spam_header;
  if (typeof mark !== 'object') {
    const field = fieldOf(mark ?? 'X-Spam', 'Yes');
    return [
      { kind: 'remove', name: field.name },
      { kind: 'append', field },
    ];
  }
  return Object.entries(mark).flatMap(([name, fields]) =>
    fields.map(({ value }): HeaderEdit => ({ kind: 'append', field: fieldOf(name, value) })),
  );
}

/** Folding as RFC 5322 section 2.2.3 has it, whatever line ends rspamd uses. */
function fieldOf(name: string, value: string): NewHeaderField {
  return headerField(name, value.trim().replace(/\r?\n[ \t]*|\r/g, '\r\n\t'));
}

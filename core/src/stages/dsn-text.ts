/** The part of a DSN for people. Plain words, the remote's own words quoted, and what happens next. */
import type { DsnDraft, DsnSubject } from '../hooks/table.js';
import { formatAddress } from '../values/address.js';
import { formatDate } from '../values/date.js';
import { formatReply, isTransient } from '../values/reply.js';
import { giveUpAtMs } from './queue/retry-schedule.js';

const subjects = {
  failure: 'Your message could not be delivered',
  delay: 'Your message is delayed',
  success: 'Your message was delivered',
  relayed: 'Your message was passed on',
} as const;

const openings = {
  failure: 'Your message could not be delivered to the recipients below. It will not be tried again.',
  delay:
    'Your message has not been delivered yet to the recipients below. You need not do anything: it will be tried\nagain',
  success: 'Your message was delivered to the recipients below, as you asked to be told.',
  relayed:
    'Your message was passed on to the next mail server of the recipients below. That server does not\nreport deliveries, so you will hear no more of them.',
} as const;

/** Recipients written out; the report for machines has them all. */
const recipientsMax = 100;

/** The subject for each kind. */
export function dsnSubject(kind: DsnDraft['kind']): string {
  return subjects[kind];
}

/** The text, with LF line ends. */
export function dsnText(
  hostname: string,
  kind: DsnDraft['kind'],
  { message, recipients }: DsnSubject,
): string {
  const until = kind === 'delay' ? ` until ${formatDate(giveUpAtMs(message))}.` : '';
  const lines = [`This is the mail server ${hostname}.`, '', `${openings[kind]}${until}`, ''];
  for (const { recipient, outcome } of recipients.slice(0, recipientsMax)) {
    lines.push(`  <${formatAddress(recipient.address)}>`);
    if (kind === 'failure' || kind === 'delay') {
      const speaker = outcome.remote === undefined ? 'Reason' : `The server ${outcome.remote.name} said`;
      lines.push(...wrap(`${speaker}: ${formatReply(outcome.reply)}`, '      '));
      // Its time is over, or a rule says that it is enough.
      if (kind === 'failure' && isTransient(outcome.reply))
        lines.push('      That was no refusal for good, but it is not tried any longer.');
    }
    lines.push('');
  }
  if (recipients.length > recipientsMax)
    lines.push(`  and ${recipients.length - recipientsMax} more; all of them are in the report.`, '');
  lines.push(...about(message.body.header.get('Date'), message.body.header.get('Message-ID')));
  lines.push('A report for mail programs and your message, or its header, are attached.');
  return `${lines.join('\n')}\n`;
}

function about(date: string | undefined, messageId: string | undefined): string[] {
  const lines: string[] = [];
  if (date !== undefined) lines.push(`  Date: ${date.slice(0, 100)}`);
  if (messageId !== undefined) lines.push(`  Message-ID: ${messageId.slice(0, 200)}`);
  return lines.length === 0 ? [] : ['This is about your message:', ...lines, ''];
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + 1 + word.length > 76) {
      lines.push(line);
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  lines.push(line);
  return lines;
}

/** Filling mailboxes over IMAP with messages that look like mail, each different. */
import { connectLoad, type LoadClient } from './client.js';

const words =
  'post road letter horse coach inn mile stage bag seal stamp route carrier relay wheel bridge ferry toll guard dawn'.split(
    ' ',
  );

/** Messages in one APPEND (RFC 3502). */
const batchSize = 50;
/** Connections that fill one mailbox. */
const fillersMax = 32;

/** The message of a number: plain text with the fields that clients look at. */
export function messageOf(number: number, sizeOctets: number): string {
  const word = (at: number) => words[(number * 31 + at * 17) % words.length] as string;
  const header = [
    `Return-Path: <sender${number % 97}@example.net>`,
    `Received: from relay.example.net by mx.example.org; Thu, 01 Jan 2026 00:00:${`${number % 60}`.padStart(2, '0')} +0000`,
    `From: "${word(1)} ${word(2)}" <sender${number % 97}@example.net>`,
    `To: Reader <reader@example.org>, Other <other${number % 13}@example.org>`,
    `Subject: load ${number} ${word(3)} ${word(4)}`,
    `Date: Thu, 01 Jan 2026 00:00:00 +0000`,
    `Message-ID: <${number}.bench@example.net>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    '',
  ].join('\r\n');
  let body = '';
  for (let at = 0; header.length + body.length < sizeOctets - 80; at++) {
    body += `${at} ${Array.from({ length: 9 }, (_, column) => word(at * 9 + column)).join(' ')}\r\n`;
  }
  return `${header}${body}end ${number} rare${number % 1000}word\r\n`;
}

/** Makes sure that the INBOX of an account holds so many messages, whose numbers may come in any order. */
export async function fill(port: number, name: string, messages: number, sizeOctets: number): Promise<void> {
  const client = await connectLoad(port);
  await client.run(`LOGIN ${name} x`);
  const status = await client.run('STATUS INBOX (MESSAGES)');
  await client.close();
  let next = Number(/MESSAGES (\d+)/.exec(status)?.[1] ?? 0);
  if (next >= messages) return;
  const fillers = Array.from({ length: Math.ceil(Math.min(fillersMax, messages / batchSize)) }, async () => {
    const filler = await connectLoad(port);
    await filler.run(`LOGIN ${name} x`);
    while (next < messages) {
      const from = next;
      next += batchSize;
      await append(filler, from, Math.min(batchSize, messages - from), sizeOctets);
    }
    await filler.close();
  });
  await Promise.all(fillers);
}

let tags = 0;

async function append(client: LoadClient, from: number, count: number, sizeOctets: number): Promise<void> {
  const tag = `f${++tags}`;
  let text = `${tag} APPEND INBOX`;
  for (let number = from; number < from + count; number++) {
    const message = messageOf(number, sizeOctets);
    text += ` {${message.length}+}\r\n${message}`;
  }
  const answer = await client.exchange(`${text}\r\n`, new RegExp(`(?:^|\\n)${tag} [^\\r\\n]*\\r\\n$`));
  if (!answer.includes(`${tag} OK`)) throw new Error(`APPEND: ${answer}`);
}

/** Plays a dialogue against a server of its own. */
import { playDialogue } from '@postroad/core/testing';
import { expect } from 'vitest';
import { accountId, startHost } from './host.js';

/** What each dialogue begins with: three messages in INBOX, the second one flagged, and INBOX selected. */
const begin = `
S: * OK ...
C: a LOGIN alice secret
S: a OK ...
C: b SELECT INBOX
S: ...
S: b OK [READ-WRITE] ...
`;

/**
 * Plays it; `QRESYNC (UIDVALIDITY` stands for the true UIDVALIDITY of INBOX. The messages have other names to sort by than
 * addresses.
 */
export async function playScript(script: string): Promise<void> {
  await using host = await startHost();
  for (const [subject, from] of [
    ['one', 'Anna <z@example.org>'],
    ['two', 'Zoe <a@example.org>'],
    ['three', 'm@example.org'],
  ]) {
    const flags = subject === 'two' ? ['\\Flagged'] : [];
    await host.deliver(`Subject: ${subject}\nFrom: ${from}\n\nbody of ${subject}\n`, 'INBOX', flags);
  }
  const inbox = await host.store.mailboxByName(accountId, 'INBOX');
  const lines = script.split('\n').map((line) => line.trim());
  const text = lines.join('\n').replaceAll('QRESYNC (UIDVALIDITY', `QRESYNC (${inbox?.uidValidity}`);
  await playDialogue({ port: host.port }, `${begin}${text}\n`);
  expect(host.errors).toEqual([]);
}

/**
 * Putting a message into a Maildir: written and synced in `tmp`, moved to `new`, the directory synced. A reader never
 * sees half a message, and what was answered with 250 survives a power cut.
 */
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Body,
  formatAddress,
  formatReversePath,
  type MailAddress,
  type QueuedMessage,
} from '@postroad/core';

/** What is delivered. */
export interface MaildirDelivery {
  /** The Maildir; it and its three directories are made when missing, with mode 0700. */
  readonly directory: string;
  readonly message: QueuedMessage;
  /** Its body, or what is filed in the place of that. */
  readonly body: Body;
  readonly recipient: MailAddress;
  /** A name that no other file has. */
  readonly name: string;
}

/** Delivers; rejects with what the file system says, and leaves nothing behind then. */
export async function deliverToMaildir(delivery: MaildirDelivery, signal: AbortSignal): Promise<void> {
  const { directory, name } = delivery;
  for (const part of ['tmp', 'new', 'cur']) await makeDirectory(join(directory, part));
  const temporary = join(directory, 'tmp', name);
  try {
    await writeMessage(temporary, delivery, signal);
    await rename(temporary, join(directory, 'new', name));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(join(directory, 'new'));
}

/** The directory for a recipient. What an address says can not lead out of the directory it stands in. */
export function maildirFor(template: string, address: MailAddress): string {
  return template
    .replaceAll('{localPart}', safeName(address.localPart))
    .replaceAll('{domain}', safeName(address.domain));
}

/** Lower case; everything but letters, digits and some signs as `%` and hexadecimal digits, dots in front too. */
function safeName(text: string): string {
  const lower = text.toLowerCase().replace(/[^a-z0-9._+=@-]/gu, (character) => {
    return [...Buffer.from(character)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
  });
  const name = lower.replace(/^\.+/, (dots) => '%2e'.repeat(dots.length));
  return name === '' ? '%' : name;
}

/** Makes it with those above it; the entry of each one that was missing is synced, so that none is lost with its mail. */
async function makeDirectory(directory: string): Promise<void> {
  const topmost = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (topmost === undefined) return;
  for (let made = directory; made.length >= topmost.length; made = dirname(made))
    await syncDirectory(dirname(made));
}

async function writeMessage(file: string, delivery: MaildirDelivery, signal: AbortSignal): Promise<void> {
  const { message, body, recipient } = delivery;
  const handle = await open(file, 'wx', 0o600);
  try {
    // RFC 5321 section 4.4: the last server writes the reverse-path on top.
    const top = `Return-Path: <${formatReversePath(message.reversePath)}>\r\nDelivered-To: ${formatAddress(recipient)}\r\n`;
    await handle.writeFile(top + message.headerPrefix);
    for await (const chunk of body.open()) {
      signal.throwIfAborted();
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

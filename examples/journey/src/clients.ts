/** The programs that people use: nodemailer to send, imapflow and node-pop3 to read. None of them is ours. */
import { ImapFlow } from 'imapflow';
import Pop3Command from 'node-pop3';
import { createTransport } from 'nodemailer';
import { password, type Server } from './town.js';

const host = '127.0.0.1';
// The servers made their certificates themselves a moment ago.
const tls = { rejectUnauthorized: false };

/** A message to send. */
export interface Letter {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly attachments?: readonly { readonly filename: string; readonly content: Buffer }[];
}

/** Sends over the submission port, encrypted and logged in; resolves with the server's reply, rejects with its refusal. */
export async function submit(server: Server, letter: Letter, pass = password): Promise<string> {
  const transport = createTransport({
    host,
    port: server.port('submission'),
    requireTLS: true,
    tls,
    auth: { user: letter.from, pass },
  });
  try {
    const { response } = await transport.sendMail({
      ...letter,
      attachments: [...(letter.attachments ?? [])],
    });
    return response;
  } finally {
    transport.close();
  }
}

/** A device of a user, with the inbox open. */
export async function openDevice(server: Server, login: string): Promise<ImapFlow> {
  const device = new ImapFlow({
    host,
    port: server.port('imap'),
    secure: false,
    doSTARTTLS: true,
    tls,
    auth: { user: login, pass: password },
    logger: false,
  });
  // A broken connection is told by the command under way.
  device.on('error', () => undefined);
  await device.connect();
  await device.mailboxOpen('INBOX');
  return device;
}

/** The message of this number as it is kept, octet for octet. */
export async function sourceOf(device: ImapFlow, sequence: string): Promise<string> {
  const message = await device.fetchOne(sequence, { source: true });
  if (message === false || message.source === undefined) throw new Error(`no message ${sequence}`);
  return message.source.toString();
}

/** The content of an attachment, decoded. */
export async function attachmentOf(device: ImapFlow, sequence: string, part: string): Promise<Buffer> {
  const { content } = await device.download(sequence, part);
  const chunks: Buffer[] = [];
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Downloads the first message over POP3 and removes it, as POP3 clients do. */
export async function downloadByPop3(server: Server, login: string): Promise<string> {
  const client = new Pop3Command({
    user: login,
    password,
    host,
    port: server.port('pop3s'),
    tls: true,
    servername: `mx.${server.domain}`,
    tlsOptions: tls,
  });
  const content = await client.RETR(1);
  await client.DELE(1);
  await client.QUIT();
  return content;
}

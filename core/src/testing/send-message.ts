/** A client that sends one message by SMTP and remembers what it was told. */
import { connect, type Socket } from 'node:net';
import { DialogueStream } from './dialogue-stream.js';

/** What is said. */
export interface SentMessage {
  readonly port: number;
  readonly helo?: string;
  /** Without the angle brackets; empty for the null reverse-path. */
  readonly from?: string;
  readonly to?: readonly string[];
  /** Header and content with CRLF or LF line ends. */
  readonly content?: string;
  /** How long one reply may take; 20 seconds by default. */
  readonly timeoutMs?: number;
}

/** What the server answered: the last line of each reply, `undefined` where the dialogue had ended before. */
export interface SentAnswers {
  readonly greeting: string;
  readonly hello: string | undefined;
  readonly mail: string | undefined;
  readonly recipients: readonly string[];
  readonly data: string | undefined;
  /** The reply that counts: the first refusal, or the reply to the content. */
  readonly outcome: string;
}

/** Sends it as an ordinary client does: one command at a time, and no further than the first refusal of all. */
export async function sendMessage(options: SentMessage): Promise<SentAnswers> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ host: '127.0.0.1', port: options.port }, () => resolve(opened));
    opened.once('error', reject);
  });
  const stream = new DialogueStream(socket, options.timeoutMs ?? 20_000);
  try {
    return await talk(stream, options);
  } finally {
    stream.destroy();
  }
}

async function talk(stream: DialogueStream, options: SentMessage): Promise<SentAnswers> {
  const { from = 'alice@example.net', to = ['bob@example.org'], helo = 'client.example.net' } = options;
  const greeting = await replyOf(stream);
  const answers = { greeting, hello: undefined, mail: undefined, recipients: [], data: undefined };
  if (!greeting.startsWith('2')) return { ...answers, outcome: greeting };
  const hello = await say(stream, `EHLO ${helo}`);
  if (!hello.startsWith('2')) return { ...answers, hello, outcome: hello };
  const mail = await say(stream, `MAIL FROM:<${from}>`);
  if (!mail.startsWith('2')) return { ...answers, hello, mail, outcome: mail };
  const recipients: string[] = [];
  for (const address of to) recipients.push(await say(stream, `RCPT TO:<${address}>`));
  const refused = recipients.every((answer) => !answer.startsWith('2'));
  if (refused) return { ...answers, hello, mail, recipients, outcome: recipients[0] ?? mail };
  const start = await say(stream, 'DATA');
  if (!start.startsWith('3')) return { ...answers, hello, mail, recipients, data: start, outcome: start };
  const content = (options.content ?? 'Subject: test\n\nhello\n')
    .replace(/\r?\n/g, '\r\n')
    .replace(/^\./gm, '..');
  stream.say(Buffer.from(content), false);
  const data = await say(stream, '.');
  return { greeting, hello, mail, recipients, data, outcome: data };
}

async function say(stream: DialogueStream, line: string): Promise<string> {
  stream.say(Buffer.from(line), true);
  return await replyOf(stream);
}

async function replyOf(stream: DialogueStream): Promise<string> {
  stream.flush();
  for (;;) {
    const line = await stream.nextLine(0);
    if (line[3] !== '-') return line;
  }
}

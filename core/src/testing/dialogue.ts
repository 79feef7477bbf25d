/**
 * Protocol tests as text. `C:` is said by the client, `S:` expected from the server, `#` begins a comment:
 *
 *     S: 220 ... ESMTP
 *     C: EHLO client.example
 *     S: 250-mx.example.org
 *     S: ...
 *     S: 250 DSN
 *     C: QUIT
 *     S: 221 ...
 *     S: <closed>
 *
 * In a server's line `...` stands for anything; alone it stands for any number of lines, none too. Client lines that
 * follow each other leave in one write (pipelining). They end in CRLF; `C+` sends a line without an end. `\r`, `\n`,
 * `\0`, `\t`, `\\` and `\xNN` are octets. `C: <tls>` begins a TLS handshake, `C: <close>` ends the client's side.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DialogueStream } from './dialogue-stream.js';

/** Where the server is. */
export interface DialogueTarget {
  readonly port: number;
  /** Loopback by default. */
  readonly host?: string;
  /** TLS from the first octet. The certificate is not checked. */
  readonly tls?: boolean;
  /** How long one expected line may take; 10 seconds by default. */
  readonly timeoutMs?: number;
}

interface Step {
  readonly kind: 'send' | 'part' | 'expect';
  readonly text: string;
  readonly line: number;
}

/** Plays the dialogue; rejects with the whole transcript when the server says something else. */
export async function playDialogue(target: DialogueTarget, script: string): Promise<void> {
  const steps = parseDialogue(script);
  const stream = new DialogueStream(await open(target), target.timeoutMs ?? 10_000);
  try {
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as Step;
      if (step.kind === 'expect') await expectLine(stream, step, steps[index + 1]);
      else await send(stream, step);
    }
    stream.flush();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\n--- transcript\n${stream.transcript.join('\n')}`);
  } finally {
    stream.destroy();
  }
}

async function send(stream: DialogueStream, step: Step): Promise<void> {
  if (step.text === '<tls>') return stream.startTls();
  if (step.text === '<close>') return stream.endInput();
  stream.say(octetsOf(step.text), step.kind === 'send');
}

async function expectLine(stream: DialogueStream, step: Step, following: Step | undefined): Promise<void> {
  if (step.text === '<closed>') return stream.expectClosed(step.line);
  if (step.text !== '...') {
    const line = await stream.nextLine(step.line);
    if (!matches(step.text, line)) {
      throw new Error(
        `line ${step.line}: expected ${JSON.stringify(step.text)}, got ${JSON.stringify(line)}`,
      );
    }
    return;
  }
  if (following?.kind !== 'expect') return;
  // Any number of lines: up to the first one that fits what is expected next.
  while (!(await stream.isNextClosedOr((line) => matches(following.text, line), following.line))) {
    await stream.nextLine(step.line);
  }
}

function matches(pattern: string, line: string): boolean {
  const parts = pattern.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(line);
}

function parseDialogue(script: string): Step[] {
  const steps: Step[] = [];
  script.split('\n').forEach((raw, index) => {
    const text = raw.trimStart();
    if (text.trim() === '' || text.startsWith('#')) return;
    const match = /^(C:|C\+|S:)(?: (.*))?$/.exec(text);
    if (match === null) throw new Error(`line ${index + 1} of the dialogue is neither C: nor S: ${text}`);
    const kind = match[1] === 'S:' ? 'expect' : match[1] === 'C:' ? 'send' : 'part';
    steps.push({ kind, text: match[2] ?? '', line: index + 1 });
  });
  return steps;
}

function octetsOf(text: string): Buffer {
  const named: Record<string, string> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' };
  const parts = text.split(/(\\x[0-9a-fA-F]{2}|\\[rnt0\\])/);
  return Buffer.concat(
    parts.map((part, index) => {
      if (index % 2 === 0) return Buffer.from(part);
      if (part[1] === 'x') return Buffer.from(part.slice(2), 'hex');
      return Buffer.from(named[part[1] as string] as string);
    }),
  );
}

function open(target: DialogueTarget): Promise<Socket> {
  const host = target.host ?? '127.0.0.1';
  return new Promise((resolve, reject) => {
    const socket =
      target.tls === true
        ? connectTls({ host, port: target.port, rejectUnauthorized: false }, () => resolve(socket))
        : connect({ host, port: target.port }, () => resolve(socket));
    socket.once('error', reject);
  });
}

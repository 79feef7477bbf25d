/** Asking for a password. */
import { createInterface } from 'node:readline';
import { MailError } from '../errors.js';

const secretCharactersMax = 4_096;
const interrupt = '\u0003';
const endOfInput = '\u0004';

/** Asks whoever sits in front of the terminal; nothing that is typed is shown. Ctrl-C throws `E_USAGE`. */
export async function askHidden(
  question: string,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): Promise<string> {
  stdout.write(`${question}: `);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  try {
    return await readTyped(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write('\n');
  }
}

function readTyped(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: readonly string[] = [];
    const finish = (settle: () => void) => {
      stdin.off('data', onData).off('end', onEnd);
      settle();
    };
    const giveUp = () => finish(() => reject(new MailError('E_USAGE', 'nothing was entered')));
    const onEnd = giveUp;
    const onData = (chunk: string | Buffer) => {
      const text = String(chunk);
      // Arrows and the like come as one escape sequence.
      if (text.startsWith('\u001b')) return;
      for (const character of text) {
        if (character === '\r' || character === '\n') return finish(() => resolve(typed.join('')));
        if (character === interrupt || (character === endOfInput && typed.length === 0)) return giveUp();
        typed = type(typed, character);
      }
    };
    stdin.on('data', onData).on('end', onEnd);
    stdin.resume();
  });
}

function type(typed: readonly string[], character: string): readonly string[] {
  if (character === '\u007f' || character === '\b') return typed.slice(0, -1);
  if (character < ' ' || typed.length >= secretCharactersMax) return typed;
  return [...typed, character];
}

/** Reads secrets from a pipe, one a line. */
export function createSecretReader(input: NodeJS.ReadableStream): () => Promise<string> {
  let lines: AsyncIterator<string> | undefined;
  return async () => {
    lines ??= createInterface({ input })[Symbol.asyncIterator]();
    const line = await lines.next();
    if (line.done === true) {
      throw new MailError(
        'E_USAGE',
        'a secret is needed: type it on a terminal, or write it to standard input',
      );
    }
    return line.value;
  };
}

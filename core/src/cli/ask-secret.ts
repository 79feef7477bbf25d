/** Asking for a password. The one importer of @clack/prompts. */
import { createInterface } from 'node:readline';
import { MailError } from '../errors.js';

/** Asks whoever sits in front of it, without showing what is typed. */
export async function askHidden(question: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message: question });
  if (isCancel(answer) || typeof answer !== 'string') throw new MailError('E_USAGE', 'nothing was entered');
  return answer;
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

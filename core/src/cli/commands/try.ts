/** `postroad try`: what would happen to a message, and why. */
import { open, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MailError, messageOf } from '../../errors.js';
import type { TrialReport, TrialRequest } from '../../server/try-message.js';
import type { CliCommand, CliContext } from '../command.js';
import { socketArgument, withServer } from '../reach-server.js';
import { renderTrial } from '../render-trial.js';

/** What fits into a request with room to spare; a longer message is read by the server itself. */
const inlineOctetsMax = 32_768;

/** Sends a message through the pipeline without accepting it. */
export const tryCommand: CliCommand = {
  name: 'try',
  description: 'Send a message through the checks without accepting it, and print every finding and verdict.',
  args: {
    file: { kind: 'positional', description: 'the message, as a file', isRequired: true },
    from: { kind: 'string', description: 'the reverse-path; "" for the null one', default: '' },
    to: { kind: 'string', description: 'the recipients, by comma' },
    ip: { kind: 'string', description: "the client's address", default: '192.0.2.1' },
    helo: { kind: 'string', description: 'what the client calls itself', default: 'client.invalid' },
    listener: { kind: 'string', description: 'the listener; the first relay by default' },
    login: { kind: 'string', description: 'the account that has logged in' },
    offline: {
      kind: 'boolean',
      description: 'start the plugins of the configuration here, without the server',
    },
    ...socketArgument,
  },
  examples: [
    'postroad try --from a@example.com --to bob@example.org --ip 203.0.113.5 --helo mail.example.com message.eml',
    'postroad try --offline --to bob@example.org message.eml --json',
  ],
  async run(context) {
    const file = resolve(context.directory, String(context.args.file));
    const report = context.args.offline === true ? await offline(context, file) : await online(context, file);
    context.terminal.whole(report, renderTrial(report));
  },
};

async function offline(context: CliContext, file: string): Promise<TrialReport> {
  const { tryOffline } = await import('../../server/try-offline.js');
  const { createLogger } = await import('../../services/pino-logger.js');
  const { options } = await context.loadConfig();
  const content = await readMessage(file);
  return tryOffline(options, { log: createLogger('silent') }, { ...requestOf(context), content });
}

async function online(context: CliContext, file: string): Promise<TrialReport> {
  const { size } = await stat(file).catch(unreadable);
  const content =
    size <= inlineOctetsMax ? { content: (await readMessage(file)).toString('base64') } : { file };
  return withServer(
    context,
    async (client) => (await client.call('try', { ...requestOf(context), ...content })) as TrialReport,
  );
}

function requestOf({ args }: CliContext): Omit<TrialRequest, 'content'> {
  const recipients = String(args.to ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (recipients.length === 0)
    throw new MailError('E_USAGE', 'name at least one recipient: --to bob@example.org');
  return {
    clientAddress: String(args.ip),
    helloName: String(args.helo),
    reversePath: String(args.from),
    recipients,
    ...(typeof args.listener === 'string' && { listener: args.listener }),
    ...(typeof args.login === 'string' && { accountId: args.login }),
  };
}

async function readMessage(file: string): Promise<Buffer> {
  // Opened first, so that a directory or a missing file is told the same way.
  const handle = await open(file).catch(unreadable);
  await handle.close();
  return readFile(file).catch(unreadable);
}

function unreadable(cause: unknown): never {
  throw new MailError('E_NOT_FOUND', `the message can't be read: ${messageOf(cause)}`, { cause });
}

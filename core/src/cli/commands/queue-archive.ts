/** `postroad queue export|import`: the running server writes and reads the file. */
import { resolve } from 'node:path';
import type { ExportedQueue, ImportedQueue } from '../../services/queue.js';
import type { CliCommand, CliContext } from '../command.js';
import { socketArgument, withServer } from '../reach-server.js';
import { filterArguments, readFilter } from './queue.js';

const { id: _id, ...filters } = filterArguments;

const queueExport: CliCommand = {
  name: 'queue export',
  description: 'Write messages with their waiting and held recipients to a new file; they stay in the queue.',
  args: {
    file: { kind: 'positional', description: 'the file, which must not be there yet', isRequired: true },
    ...filters,
    ...socketArgument,
  },
  examples: ['postroad queue hold --all', 'postroad queue export /var/tmp/queue.jsonl --state held'],
  run: (context) =>
    withServer(context, async (client) => {
      const given = { file: fileOf(context), filter: readFilter(context) };
      const done = (await client.call('queue.export', given)) as ExportedQueue;
      const skipped = done.skipped === 0 ? '' : ` ${done.skipped} were being delivered and are not in it.`;
      context.terminal.whole(done, [
        `Exported: ${done.messages} messages with ${done.recipients} recipients.${skipped}`,
      ]);
    }),
};

const queueImport: CliCommand = {
  name: 'queue import',
  description: 'Put the messages of an exported file in; those that are known already are left out.',
  args: {
    file: { kind: 'positional', description: 'what `queue export` has written', isRequired: true },
    ...socketArgument,
  },
  examples: ['postroad queue import /var/tmp/queue.jsonl'],
  run: (context) =>
    withServer(context, async (client) => {
      const done = (await client.call('queue.import', { file: fileOf(context) })) as ImportedQueue;
      const known = done.known === 0 ? '' : ` ${done.known} messages were known already.`;
      context.terminal.whole(done, [
        `Imported: ${done.messages} messages with ${done.recipients} recipients.${known}`,
      ]);
    }),
};

/** The commands. */
export const archiveCommands: readonly CliCommand[] = [queueExport, queueImport];

function fileOf({ args, directory }: CliContext): string {
  return resolve(directory, String(args.file));
}

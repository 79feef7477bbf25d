/** Finding the running server. */
import { resolve } from 'node:path';
import { type ControlClient, connectControl } from '../control/client.js';
import { MailError } from '../errors.js';
import type { CommandArgument } from '../plugin/command.js';
import type { CliContext } from './command.js';

/** The option of every command that speaks to the running server. */
export const socketArgument: Readonly<Record<string, CommandArgument>> = {
  socket: {
    kind: 'string',
    description: 'the control socket; by default POSTROAD_SOCKET, or control.socket of the configuration',
  },
};

/** Runs `work` with a connection to the server that `--socket`, the environment or the configuration names. */
export async function withServer<T>(
  context: CliContext,
  work: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await connectControl(await socketPath(context));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function socketPath(context: CliContext): Promise<string> {
  const named = context.args.socket ?? context.environment.POSTROAD_SOCKET;
  if (typeof named === 'string' && named !== '') return resolve(context.directory, named);
  const { socket, file } = await context.controlSocket();
  if (socket !== undefined) return socket;
  throw new MailError(
    'E_CONTROL',
    `${file} has no control.socket, so no command can reach the server: add one`,
  );
}

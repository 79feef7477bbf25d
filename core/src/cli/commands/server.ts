/** `postroad reload` and `stop`: they speak to the running server. */
import { MailError } from '../../errors.js';
import type { CliCommand } from '../command.js';
import { socketArgument, withServer } from '../reach-server.js';

/** Has the running server load its configuration again. */
export const reloadCommand: CliCommand = {
  name: 'reload',
  description: 'Have the running server load its configuration again; a broken one changes nothing.',
  args: socketArgument,
  examples: ['postroad reload'],
  run: (context) =>
    withServer(context, async (client) => {
      const result = await client.call('reload');
      context.terminal.whole(result, ['The server has reloaded its configuration.']);
    }),
};

/** Has the running server stop, and waits until it has. */
export const stopCommand: CliCommand = {
  name: 'stop',
  description: 'Stop the running server: connections and deliveries may finish, the queue stays.',
  args: {
    ...socketArgument,
    drain: { kind: 'string', description: 'seconds they may take; by default drainMs of the configuration' },
  },
  examples: ['postroad stop', 'postroad stop --drain 5'],
  run: (context) =>
    withServer(context, async (client) => {
      const { drain } = context.args;
      const seconds = drain === undefined ? undefined : Number(drain);
      if (seconds !== undefined && !(seconds >= 0))
        throw new MailError('E_USAGE', '--drain is a number of seconds');
      await client.call('stop', seconds === undefined ? {} : { drainMs: Math.round(seconds * 1_000) });
      await client.closed;
      context.terminal.whole({ stopped: true }, ['The server has stopped.']);
    }),
};

/** `postroad start`. */
import type { CliCommand } from '../command.js';

/** The command. */
export const startCommand: CliCommand = {
  name: 'start',
  description: 'Run the server. SIGTERM and SIGINT stop it, SIGHUP reloads the configuration.',
  args: {
    watch: { kind: 'boolean', description: 'reload when the configuration or a plugin beside it changes' },
  },
  examples: ['postroad start', 'postroad start --config /etc/postroad', 'postroad start --watch'],
  run: async (context) => (await import('../start-server.js')).startServer(context),
};

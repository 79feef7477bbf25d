/** A bare smtp-server that takes everything and keeps nothing: what we are measured against. */
import { SMTPServer } from 'smtp-server';
import { reportServer } from './server-process.js';

const server = new SMTPServer({
  name: 'bench.example',
  authOptional: true,
  disableReverseLookup: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  logger: false,
  onData(stream, _session, done) {
    stream.on('end', () => done(null));
    stream.resume();
  },
});
server.on('error', (error) => console.error(error));
reportServer(server.server);

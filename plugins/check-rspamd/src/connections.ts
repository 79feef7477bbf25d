/**
 * Connections that are kept for the next question, where the server keeps them: rspamd's proxy does, its plain scanner
 * closes after each answer.
 */
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';

const idleMax = 16;
/** Shorter than what servers allow, so that few are found to be closed. */
const idleMs = 3_000;

/** See the file's comment. */
export interface Connections {
  /** Who makes the connections to this server. */
  of(server: string): Agent;
}

/** None at first. What `atEnd` is given closes those that wait, and those in use. */
export function createConnections(atEnd: (close: () => void) => void): Connections {
  const options = { keepAlive: true, maxFreeSockets: idleMax, timeout: idleMs };
  const plain = new Agent(options);
  const secure = new SecureAgent(options);
  atEnd(() => {
    plain.destroy();
    secure.destroy();
  });
  return { of: (server) => (server.startsWith('https:') ? secure : plain) };
}

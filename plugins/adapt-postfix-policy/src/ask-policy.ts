/** Asking a policy server; connections are kept for the next question, as Postfix does. */
import {
  type Clock,
  createFailOver,
  formatPeerAddress,
  type Logger,
  MailError,
  openPeer,
  type PeerAddress,
  type PeerConnection,
  type Resolver,
} from '@postroad/core';
import type { PolicyServiceConfig } from './config.js';

/** A service that can be asked. */
export interface PolicyClient {
  /** The action; rejects with `E_PEER` when no server has an answer. */
  ask(request: string, signal: AbortSignal): Promise<string>;
  /** Closes the kept connections. */
  close(): void;
}

const lineFeed = 0x0a;
const lineOctetsMax = 4_096;
const linesMax = 20;
const idleMax = 20;

/** Makes it. */
export function createPolicyClient(
  config: PolicyServiceConfig,
  clock: Clock,
  resolver: Resolver,
  log: Logger,
): PolicyClient {
  const idle = new Map<PeerAddress, PeerConnection[]>(config.servers.map((address) => [address, []]));
  let isClosed = false;
  const failOver = createFailOver({
    servers: config.servers,
    clock,
    timeoutMs: config.timeoutMs,
    pauseMs: 10_000,
    order: 'first',
    onFailure: (server, error) =>
      log.warn('a policy server failed', { service: config.name, server: formatPeerAddress(server), error }),
  });

  async function ask(address: PeerAddress, request: string, signal: AbortSignal): Promise<string> {
    const kept = idle.get(address)?.pop();
    if (kept?.isQuiet === true) {
      try {
        return await exchange(kept, address, request, signal);
      } catch (error) {
        // The server may have closed it just now: a new connection tells.
        if (signal.aborted) throw error;
      }
    }
    kept?.close();
    // The connection lives longer than this question: its end is tied to the question's only while that lasts.
    const peer = await openPeer({ address, resolver, signal });
    return await exchange(peer, address, request, signal);
  }

  async function exchange(
    peer: PeerConnection,
    address: PeerAddress,
    request: string,
    signal: AbortSignal,
  ): Promise<string> {
    const stop = () => peer.close(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      await peer.send(Buffer.from(request));
      const action = await readAction(peer);
      const free = idle.get(address) ?? [];
      if (!isClosed && free.length < idleMax) free.push(peer);
      else peer.close();
      return action;
    } catch (error) {
      peer.close(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  return {
    ask: (request, signal) => failOver.run((address, until) => ask(address, request, until), signal),
    close() {
      isClosed = true;
      for (const peers of idle.values()) for (const peer of peers.splice(0)) peer.close();
    },
  };
}

/** Attributes up to an empty line; the one that counts is `action`. */
async function readAction(peer: PeerConnection): Promise<string> {
  let action: string | undefined;
  for (let count = 0; count < linesMax; count++) {
    const line = (await peer.takeUntil(lineFeed, lineOctetsMax)).toString('utf8').replace(/\r$/, '');
    if (line === '') {
      if (action === undefined || action === '')
        throw new MailError('E_PEER', 'the policy server named no action');
      return action;
    }
    const [, name, value] = /^([^=\0]+)=(.*)$/s.exec(line) ?? [];
    if (name === undefined)
      throw new MailError('E_PEER', 'the policy server sent a line that is no attribute');
    if (name.trim() === 'action') action = value?.trim();
  }
  throw new MailError('E_PEER', 'the policy server sent too many attributes');
}

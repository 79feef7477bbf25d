/** The plugin: clamd scans each message while it streams from the spool. */
import {
  Clock,
  createFailOver,
  defer,
  definePlugin,
  discard,
  type Finding,
  formatPeerAddress,
  type Message,
  messageOf,
  quarantine,
  Resolver,
  reject,
  withDeadline,
} from '@postroad/core';
import { type CheckClamavConfig, config } from './config.js';
import { type ScanResult, scan } from './scan.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no answer' });

/** Has ClamAV scan each message. */
export const checkClamav = definePlugin({
  name: 'check-clamav',
  description: 'Has ClamAV scan messages for viruses.',
  config,
  needs: { clock: Clock, resolver: Resolver },
  setup({ config, services, log, tap }) {
    const { clock, resolver } = services;
    const results = new WeakMap<Message, ScanResult>();
    const failOver = createFailOver({
      servers: config.servers,
      clock,
      timeoutMs: config.timeoutMs,
      pauseMs: config.pauseMs,
      order: config.order,
      onFailure: (server, error) => log.warn('a clamd failed', { server: formatPeerAddress(server), error }),
    });
    const isTooLarge = ({ body }: Message) =>
      config.sizeBytesMax !== undefined && body.sizeBytes > config.sizeBytesMax;

    tap('inspect', async (message, signal): Promise<Finding> => {
      if (isTooLarge(message))
        return { source: 'clamav', result: 'skipped', text: 'too large to be scanned' };
      const { body } = message;
      try {
        const result = await withDeadline(clock, config.deadlineMs, signal, (all) =>
          failOver.run((address, one) => scan({ address, body, resolver, signal: one }), all),
        );
        results.set(message, result);
        return findingOf(result, config);
      } catch (error) {
        log.error('no clamd could be asked', {
          message: message.id,
          skipped: config.onError === 'skip',
          error,
        });
        return { source: 'clamav', error: messageOf(error) };
      }
    });
    tap(
      'message',
      (message) => {
        const result = results.get(message);
        // Fails closed unless the configuration says otherwise.
        if (result === undefined)
          return config.onError === 'skip' || isTooLarge(message) ? undefined : unknown;
        if (!counts(result, config)) return undefined;
        if (config.onVirus !== 'reject') return undefined;
        const grounds = { rule: 'virus', reason: result.virus ?? '' };
        return reject(550, '7.1', 'message refused, it contains malware', grounds);
      },
      {
        description: `${config.servers.length} clamd: a virus means ${config.onVirus}; none answers: ${config.onError}`,
      },
    );
    tap(
      'message',
      (message) => {
        const result = results.get(message);
        if (result === undefined || !counts(result, config)) return undefined;
        if (config.onVirus === 'discard') return discard(`virus ${result.virus}`);
        if (config.onVirus !== 'quarantine') return undefined;
        return quarantine(`virus ${result.virus}`, { rule: 'virus', reason: result.virus ?? '' });
      },
      { order: 'late' },
    );
  },
});

function counts({ virus }: ScanResult, { ignore }: CheckClamavConfig): boolean {
  return virus !== undefined && !ignore.some((pattern) => pattern.test(virus));
}

function findingOf(result: ScanResult, config: CheckClamavConfig): Finding {
  const { virus } = result;
  if (virus === undefined) return { source: 'clamav', result: 'clean' };
  if (!counts(result, config)) return { source: 'clamav', result: 'ignored', text: virus };
  return { source: 'clamav', result: 'infected', score: config.score, text: virus };
}

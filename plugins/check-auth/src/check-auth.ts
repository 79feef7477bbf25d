/** The plugin: finds out who may say a message, writes it down, and hands it to those who judge. */
import {
  Clock,
  definePlugin,
  editHeader,
  formatAddress,
  formatAuthenticationResults,
  type IprevResult,
  type Message,
  type MessageAuthentication,
  type MethodResult,
  messageAuthentication,
  messageOf,
  parseAuthenticationResults,
  pendingAuthentication,
  Resolver,
  withHeaderSection,
} from '@postroad/core';
import { checkIprev } from './check-iprev.js';
import { forgedResults } from './forged-results.js';
import { type CheckAuthConfig, config } from './options.js';
import { authenticationResults } from './results.js';
import type { Checked, CheckedArc, CheckName, JobFacts } from './worker/protocol.js';
import { createWorkerPool, type WorkerPool } from './worker-pool.js';

/** The workers' program is compiled: from the sources, as tests run them, it is the built one too. */
const program = new URL('../dist/worker/worker.js', import.meta.url);

/** SPF, DKIM, DMARC, ARC, iprev and BIMI. It judges nothing. */
export const checkAuth = definePlugin({
  name: 'check-auth',
  description: 'Finds out who may say a message: SPF, DKIM, DMARC, ARC, iprev, BIMI.',
  config,
  needs: { clock: Clock, resolver: Resolver },
  setup({ config, services, hostname, log, metrics, tap, defer }) {
    const pool = createWorkerPool({ ...config, program, size: config.workers, ...services, log });
    defer(() => pool.close());
    const count = (method: string, result: string) =>
      metrics.counter('check_auth_results', 'Results of the checks', { method, result }).increase();
    const examine = async (message: Message, signal: AbortSignal) => {
      const facts = factsOf(message, hostname, config);
      const iprev = config.checks.includes('iprev')
        ? checkIprev(services.resolver, facts.remoteAddress, signal)
        : undefined;
      const { checked, error } = await check(pool, facts, message, signal);
      const name = await iprev;
      const results = authenticationResults(facts, name, checked);
      return { found: authenticationOf(checked, name, results), error };
    };
    tap(
      'inspect',
      async (message, signal) => {
        if (!isFromOutside(message)) return { source: 'check-auth', result: 'none' };
        const examined = examine(message, signal);
        const nothing: MessageAuthentication = { dkim: [], results: [] };
        const known = examined.then(({ found }) => found).catch(() => nothing);
        message.set(pendingAuthentication, known);
        const { found, error } = await examined;
        message.set(messageAuthentication, found);
        // For those who are told of the transaction only, when the message is refused.
        message.transaction.set(messageAuthentication, found);
        for (const { method, result } of found.results) count(method, result);
        if (error !== undefined)
          log.warn('a message could not be checked', { message: message.id, reason: error });
        return {
          source: 'check-auth',
          result: found.dmarc?.result ?? 'none',
          details: found,
          ...(error === undefined ? {} : { error }),
        };
      },
      { timeoutMs: config.timeoutMs + 5_000 },
    );
    tap('content', (message, _findings, body) => {
      const edits = forgedResults(body.header, hostname);
      if (edits.length === 0) return undefined;
      log.info('forged results taken out', { message: message.id, fields: edits.length });
      return withHeaderSection(body, editHeader(body.headerBytes, edits));
    });
    tap('header', (message, _findings, prefix) => {
      const found = message.get(messageAuthentication);
      if (found === undefined) return undefined;
      const value = formatAuthenticationResults(hostname, found.results);
      return [{ name: 'Authentication-Results', value }, ...prefix];
    });
  },
});

function authenticationOf(
  { spf, dkim, arc, dmarc }: Checked,
  iprev: IprevResult | undefined,
  results: readonly MethodResult[],
): MessageAuthentication {
  const { original, ...chain } = arc ?? {};
  const said = original === undefined ? undefined : parseAuthenticationResults(original)?.results;
  return {
    dkim,
    results,
    ...(iprev === undefined ? {} : { iprev }),
    ...(spf === undefined ? {} : { spf }),
    ...(dmarc === undefined ? {} : { dmarc }),
    ...(arc === undefined
      ? {}
      : { arc: { ...(chain as CheckedArc), ...(said === undefined ? {} : { original: said }) } }),
  } as MessageAuthentication;
}

/** Mail of our own users, and what programs hand in, says who it is by other means. */
function isFromOutside({ transaction: { connection } }: Message): boolean {
  return (
    connection.role !== 'submission' && connection.identity === undefined && connection.protocol !== 'code'
  );
}

function factsOf(message: Message, hostname: string, config: CheckAuthConfig): JobFacts {
  const { connection, reversePath } = message.transaction;
  const { signaturesMax, rsaBitsMin, spfLookupsMax, spfVoidLookupsMax, questionsMax } = config;
  return {
    hostname,
    remoteAddress: connection.remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ''),
    helloName: connection.helloName,
    sender: reversePath === null ? '' : formatAddress(reversePath),
    nowMs: message.receivedAtMs,
    checks: config.checks.filter((name): name is CheckName => name !== 'iprev'),
    limits: { signaturesMax, rsaBitsMin, spfLookupsMax, spfVoidLookupsMax, questionsMax },
    trustedSealers: config.trustedSealers,
  };
}

/** What could not be found out may be found out later: policy sees a temperror and can defer. */
async function check(
  pool: WorkerPool,
  facts: JobFacts,
  message: Message,
  signal: AbortSignal,
): Promise<{ readonly checked: Checked; readonly error?: string }> {
  try {
    return { checked: await pool.check(facts, message.body.open(), signal) };
  } catch (error) {
    return { checked: unknown(facts), error: messageOf(error) };
  }
}

function unknown({ checks, sender, helloName }: JobFacts): Checked {
  const domain = sender === '' ? helloName : sender.slice(sender.lastIndexOf('@') + 1);
  const scope = sender === '' ? 'helo' : 'mailfrom';
  return {
    dkim: [],
    ...(checks.includes('spf') && { spf: { result: 'temperror', domain, scope } }),
    ...(checks.includes('dmarc') && {
      dmarc: {
        result: 'temperror',
        domain: '',
        organizationalDomain: '',
        isSpfAligned: false,
        isDkimAligned: false,
      },
    }),
  };
}

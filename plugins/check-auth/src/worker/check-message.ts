/** All checks of one message, over octets that stream in. Runs in a worker; needs nothing but a resolver. */
import { once } from 'node:events';
import type { DkimResult, DmarcResult, MethodResult, SpfResult } from '@postroad/core';
import { checkArc } from './check-arc.js';
import { createVerifier, dkimResults } from './check-dkim.js';
import { checkDmarc } from './check-dmarc.js';
import { checkSpf } from './check-spf.js';
import { loadBimi, type MailauthResolver, type Verifier } from './mailauth.js';
import type { Checked, JobFacts } from './protocol.js';

/** Checks; rejects only when the octets do. SPF is looked up while they arrive. */
export async function checkMessage(
  facts: JobFacts,
  octets: AsyncIterable<Uint8Array>,
  resolver: MailauthResolver,
): Promise<Checked> {
  const bounded = boundedResolver(resolver, facts.limits.questionsMax);
  const does = (check: JobFacts['checks'][number]) => facts.checks.includes(check);
  const verifier = createVerifier(facts, bounded);
  const [spf] = await Promise.all([
    does('spf') ? checkSpf(facts, bounded) : undefined,
    feed(verifier, octets),
  ]);
  const dkim = dkimResults(verifier);
  const arc = does('arc') ? await checkArc(facts, verifier, bounded) : undefined;
  const dmarc = does('dmarc') ? await checkDmarc(dmarcQuestion(verifier, spf, dkim), bounded) : undefined;
  const bimi =
    does('bimi') && dmarc !== undefined ? await checkBimi(verifier, dmarc, dkim, bounded) : undefined;
  return {
    dkim,
    ...(spf === undefined ? {} : { spf }),
    ...(arc === undefined ? {} : { arc }),
    ...(dmarc === undefined ? {} : { dmarc }),
    ...(bimi === undefined ? {} : { bimi }),
  };
}

async function feed(verifier: Verifier, octets: AsyncIterable<Uint8Array>): Promise<void> {
  const finished = once(verifier, 'finish');
  // It is awaited below; until then a failure must not count as nobody's.
  finished.catch(() => undefined);
  for await (const chunk of octets) {
    if (!verifier.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      await Promise.race([once(verifier, 'drain'), finished]);
    }
  }
  verifier.end();
  await finished;
}

function dmarcQuestion(verifier: Verifier, spf: SpfResult | undefined, dkim: readonly DkimResult[]) {
  const rows = verifier.headers === false ? [] : verifier.headers.parsed;
  const fromFields = rows.filter(({ key }) => key === 'from').length;
  return { from: verifier.headerFrom, fromFields, spf, dkim };
}

async function checkBimi(
  verifier: Verifier,
  dmarc: DmarcResult,
  dkim: readonly DkimResult[],
  resolver: MailauthResolver,
): Promise<MethodResult | undefined> {
  const said = await loadBimi()({
    headers: verifier.headers,
    resolver,
    dmarc: {
      status: { result: dmarc.result, header: { from: dmarc.domain } },
      domain: dmarc.organizationalDomain,
      policy: dmarc.policy,
      pct: dmarc.percentage,
      alignment: { dkim: { result: dmarc.isDkimAligned ? dmarc.domain : undefined } },
    },
  });
  if (said === false || said.status.result === 'none') return undefined;
  const isSigned = dkim.some((one) => one.result === 'pass');
  if (!isSigned && said.status.result === 'pass') return undefined;
  const header = said.status.header ?? {};
  const properties = Object.fromEntries(
    Object.entries(header).map(([name, value]) => [`header.${name}`, value]),
  );
  return {
    method: 'bimi',
    result: said.status.result === 'temperr' ? 'temperror' : said.status.result,
    ...(said.status.comment === undefined ? {} : { comment: said.status.comment }),
    properties: {
      ...properties,
      ...(said.location === undefined ? {} : { 'policy.indicator-uri': said.location }),
    },
  };
}

/** A message that makes us ask without end is answered as if DNS were down. */
function boundedResolver(resolver: MailauthResolver, questionsMax: number): MailauthResolver {
  let left = questionsMax;
  const answers = new Map<string, Promise<readonly unknown[]>>();
  return (name, type) => {
    const key = `${type} ${name.toLowerCase()}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = left-- > 0 ? resolver(name, type) : Promise.reject(tooMany());
      answers.set(key, answer);
    }
    return answer;
  };
}

function tooMany(): Error {
  return Object.assign(new Error('too many questions to DNS'), { code: 'ETIMEOUT' });
}

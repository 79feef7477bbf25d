/** The plugin: the one place where findings come together. */
import {
  defer,
  definePlugin,
  editHeader,
  type Finding,
  formatAddress,
  headerField,
  isStranger,
  judgement,
  key,
  type Message,
  messageScore,
  parseAddress,
  quarantine,
  reject,
  type Verdict,
  withHeaderSection,
} from '@postroad/core';
import { type CheckScoreConfig, config, defaultPoints } from './options.js';
import { forgedFields, spamFields } from './spam-fields.js';
import { addUp, type Sum, termsText } from './sum.js';

/** What is done with a message. */
type Outcome = 'accepted' | 'junk' | 'quarantined' | 'rejected' | 'deferred';

const sums = key<Sum>('check-score.sum');
const isQuarantined = key<boolean>('check-score.quarantined');

/** See the README. */
export const checkScore = definePlugin({
  name: 'check-score',
  description: 'Adds up the findings, and accepts, files to Junk, quarantines or rejects.',
  config,
  setup({ config, log, metrics, tap }) {
    const points = { ...defaultPoints, ...config.points };
    const isJudged = ({ transaction: { connection } }: Message) =>
      config.who === 'all' || isStranger(connection);
    const sumOf = (message: Message, findings: readonly Finding[]): Sum => {
      const known = message.get(sums);
      if (known !== undefined) return known;
      const sum = addUp(findings, { points, skipErrorsOf: config.skipErrorsOf });
      message.set(sums, sum);
      message.set(messageScore, sum);
      // For those who are told of the transaction only, when the message is refused.
      message.transaction.set(messageScore, sum);
      return sum;
    };

    tap(
      'message',
      (message, findings) => {
        if (!isJudged(message)) return undefined;
        const sum = sumOf(message, findings);
        const outcome = outcomeOf(sum, config);
        const told = termsText(sum);
        log.info('scored', {
          message: message.id,
          score: sum.score,
          outcome,
          tests: told,
          ...(sum.failed.length === 0 ? {} : { failed: sum.failed }),
        });
        metrics
          .counter('postroad_scored_messages_total', 'Messages by what their score meant.', { outcome })
          .increase();
        message.set(
          judgement,
          `score ${sum.score} of ${config.junk}: ${outcome}${told === '' ? '' : ` (${told})`}`,
        );
        if (outcome === 'quarantined') message.set(isQuarantined, true);
        return verdictOf(outcome, sum, config);
      },
      { order: 'late', description: describe(config) },
    );

    tap('content', (message, _findings, body) => {
      if (!isJudged(message)) return undefined;
      const edits = forgedFields(body.header);
      return edits.length === 0 ? undefined : withHeaderSection(body, editHeader(body.headerBytes, edits));
    });

    tap('header', (message, findings, prefix) => {
      if (config.fields === 'none' || !isJudged(message)) return undefined;
      const sum = sumOf(message, findings);
      if (config.fields === 'spam' && sum.score < config.junk) return undefined;
      const fields = spamFields(sum, config.junk);
      if (message.get(isQuarantined) !== true) return [...fields, ...prefix];
      const { recipients } = message.envelope;
      const names = recipients.slice(0, 50).map(({ address }) => formatAddress(address));
      return [headerField('X-Spam-Quarantined-For', names.join(',\r\n\t')), ...fields, ...prefix];
    });

    const { quarantineTo } = config;
    if (quarantineTo === undefined) return;
    const address = parseAddress(quarantineTo);
    tap('expand', (message) => (message.get(isQuarantined) === true && address ? [{ address }] : undefined), {
      order: 'early',
      description: `quarantined messages go to ${quarantineTo}`,
    });
  },
});

function outcomeOf(
  sum: Sum,
  { junk, quarantine: quarantineAt, reject: rejectAt, onError }: CheckScoreConfig,
): Outcome {
  if (sum.score >= rejectAt) return 'rejected';
  // What failed could have made the difference.
  if (sum.failed.length > 0 && onError === 'defer') return 'deferred';
  if (quarantineAt !== undefined && sum.score >= quarantineAt) return 'quarantined';
  return sum.score >= junk ? 'junk' : 'accepted';
}

function verdictOf(outcome: Outcome, sum: Sum, config: CheckScoreConfig): Verdict | undefined {
  const reason = termsText(sum);
  switch (outcome) {
    case 'accepted':
      return undefined;
    case 'junk':
      return quarantine(`spam score ${sum.score}`, { rule: `junk at ${config.junk}`, reason });
    case 'quarantined':
      return quarantine(`spam score ${sum.score}`, { rule: `quarantine at ${config.quarantine}`, reason });
    case 'rejected':
      return reject(550, '7.1', config.text, {
        rule: `reject at ${config.reject}`,
        reason: `score ${sum.score}: ${reason}`,
      });
    case 'deferred': {
      const failures = sum.failed.map(({ source, error }) => `${source}: ${error}`).join('; ');
      return defer(451, '7.1', 'the message could not be checked, try again later', {
        rule: 'onError',
        reason: failures,
      });
    }
  }
}

function describe({
  junk,
  quarantine: quarantineAt,
  quarantineTo,
  reject: rejectAt,
  onError,
}: CheckScoreConfig): string {
  const hold = quarantineAt === undefined ? '' : `, quarantine to ${quarantineTo} from ${quarantineAt}`;
  return `sum of all findings: Junk from ${junk}${hold}, 550 from ${rejectAt}${onError === 'defer' ? '; 451 when a check failed' : ''}`;
}

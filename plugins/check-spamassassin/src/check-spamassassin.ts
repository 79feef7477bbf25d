/** The plugin: spamd judges each message while it streams from the spool, with the preferences of a user. */
import {
  Clock,
  createFailOver,
  defer,
  definePlugin,
  editHeader,
  type Finding,
  formatAddress,
  formatPeerAddress,
  type Message,
  messageOf,
  parseHeader,
  quarantine,
  Resolver,
  reject,
  Spool,
  withDeadline,
  withHeaderSection,
} from '@postroad/core';
import { askSpamd, type SpamdAnswer, type SpamdCommand } from './ask-spamd.js';
import { type CheckSpamassassinConfig, config } from './config.js';
import { rulesOfHeader, rulesOfReport, spamFieldEdits } from './read-rules.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no answer' });
const commands = { none: 'REPORT', header: 'HEADERS', message: 'PROCESS' } as const satisfies Record<
  CheckSpamassassinConfig['rewrite'],
  SpamdCommand
>;

/** Has SpamAssassin judge each message. */
export const checkSpamassassin = definePlugin({
  name: 'check-spamassassin',
  description: 'Has SpamAssassin judge messages.',
  config,
  needs: { clock: Clock, resolver: Resolver, spool: Spool },
  setup({ config, services, log, tap }) {
    const { clock, resolver, spool } = services;
    const answers = new WeakMap<Message, SpamdAnswer>();
    const failOver = createFailOver({
      servers: config.servers,
      clock,
      timeoutMs: config.timeoutMs,
      pauseMs: config.pauseMs,
      order: config.order,
      onFailure: (server, error) => log.warn('a spamd failed', { server: formatPeerAddress(server), error }),
    });
    const isTooLarge = ({ body }: Message) => body.sizeBytes > config.sizeBytesMax;

    tap('inspect', async (message, signal): Promise<Finding> => {
      if (isTooLarge(message))
        return { source: 'spamassassin', result: 'skipped', text: 'too large to be judged' };
      const { body } = message;
      const question = {
        command: commands[config.rewrite],
        user: userOf(message, config),
        body,
        resolver,
        spool,
      };
      try {
        const answer = await withDeadline(clock, config.deadlineMs, signal, (all) =>
          failOver.run((address, one) => askSpamd({ ...question, address, signal: one }), all),
        );
        if (answer.message !== undefined) message.adopt(answer.message);
        answers.set(message, answer);
        return findingOf(answer, config);
      } catch (error) {
        log.error('no spamd could be asked', {
          message: message.id,
          skipped: config.onError === 'skip',
          error,
        });
        return { source: 'spamassassin', error: messageOf(error) };
      }
    });
    tap(
      'message',
      (message) => {
        const answer = answers.get(message);
        // Fails closed unless the configuration says otherwise.
        if (answer === undefined)
          return config.onError === 'skip' || isTooLarge(message) ? undefined : unknown;
        const isRefused = (answer.isSpam && config.onSpam === 'reject') || answer.score >= limitOf(config);
        return isRefused ? reject(550, '7.1', 'message refused as spam', groundsOf(answer)) : undefined;
      },
      {
        description: `${config.servers.length} spamd: spam means ${config.onSpam}, refused from ${config.rejectScore ?? 'no'} points; none answers: ${config.onError}`,
      },
    );
    tap(
      'message',
      (message) => {
        const answer = answers.get(message);
        if (answer?.isSpam !== true || config.onSpam !== 'quarantine') return undefined;
        return quarantine(`spamassassin: ${answer.score}`, groundsOf(answer));
      },
      { order: 'late' },
    );
    if (config.rewrite === 'none') return;
    tap('content', (message, _findings, body) => {
      const answer = answers.get(message);
      if (answer === undefined) return undefined;
      if (answer.message !== undefined) return answer.message;
      const edits = spamFieldEdits(answer.text, body.header);
      return edits.length === 0 ? undefined : withHeaderSection(body, editHeader(body.headerBytes, edits));
    });
  },
});

function limitOf({ rejectScore }: CheckSpamassassinConfig): number {
  return rejectScore ?? Number.POSITIVE_INFINITY;
}

function groundsOf({ score, threshold }: SpamdAnswer) {
  return { rule: 'score', reason: `${score} of ${threshold}` };
}

function findingOf(answer: SpamdAnswer, { rewrite }: CheckSpamassassinConfig): Finding {
  const { score, threshold, isSpam, text, message } = answer;
  const header = message?.header ?? parseHeader(text);
  const rules = rewrite === 'none' ? rulesOfReport(text.toString('utf8')) : rulesOfHeader(header);
  return {
    source: 'spamassassin',
    result: isSpam ? 'spam' : 'ham',
    score,
    text: `${score} of ${threshold}`,
    details: rules,
  };
}

/** The user whose preferences count. A name that spamd could not read as one word is none. */
function userOf(message: Message, { userBy, user }: CheckSpamassassinConfig): string | undefined {
  const name = nameBy(message, userBy);
  return name !== undefined && /^[\w.@+=-]{1,200}$/.test(name) ? name : user;
}

function nameBy(message: Message, userBy: CheckSpamassassinConfig['userBy']): string | undefined {
  const { recipients } = message.envelope;
  const only = recipients.length === 1 ? recipients[0]?.address : undefined;
  switch (userBy) {
    case 'none':
      return undefined;
    case 'login':
      return message.transaction.connection.identity?.login;
    case 'recipient':
      return only === undefined ? undefined : formatAddress(only).toLowerCase();
    case 'localPart':
      return only?.localPart.toLowerCase();
  }
}

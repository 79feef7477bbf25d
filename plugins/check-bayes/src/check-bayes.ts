/** The plugin: judges by what was learnt, and learns from what users move in and out of Junk. */
import {
  type Body,
  Clock,
  definePlugin,
  type Finding,
  isStranger,
  MailboxStore,
  MailError,
  optional,
  type RefiledEvent,
} from '@postroad/core';
import { classify, type Judgement } from './classify.js';
import { spamCommands } from './commands.js';
import { tokensOfMessage } from './message-words.js';
import { type CheckBayesConfig, config } from './options.js';
import { type Kind, type Lesson, openStatistics, type Scope, type Statistics } from './statistics.js';

/** Messages that are learnt in one commit. */
const lessonsAtOnce = 50;

/** See the README. */
export const checkBayes = definePlugin({
  name: 'check-bayes',
  description: 'Judges messages by what it has learnt from others, for the server and for each account.',
  config,
  needs: { clock: Clock, mailboxes: optional(MailboxStore) },
  commands: spamCommands,
  setup({ config, services, listener, log, metrics, tap, onStart, keep }) {
    let opened: Statistics | undefined;
    const statistics = (): Statistics => {
      if (opened === undefined)
        throw new MailError('E_STATE', 'the statistics are used before they are open');
      return opened;
    };
    onStart(async () => {
      const { clock } = services;
      opened = await keep(
        config.directory,
        () => openStatistics(config.directory, () => clock.now()),
        (kept) => kept.close(),
      );
    });
    tap(
      'inspect',
      async (message) => {
        const { connection } = message.transaction;
        if (config.who === 'strangers' && !isStranger(connection)) return undefined;
        const judged = await judge(statistics(), undefined, message.body, config.learntMin, config);
        return judged === undefined ? undefined : findingOf(judged, config);
      },
      { description: describe(config) },
    );
    // These concern the whole server, so a listener's own plugins can't tap them.
    if (listener !== undefined) return;
    const { mailboxes } = services;
    tap(
      'filing',
      async ({ message, accountId }) => {
        if (message.quarantine !== undefined || config.junkAt >= 1) return undefined;
        const judged = await judge(statistics(), accountId, message.body, config.accountLearntMin, config);
        if (judged === undefined || judged.probability < config.junkAt) return undefined;
        log.info('filed to Junk by what the account has taught', {
          message: message.id,
          account: accountId,
          probability: round(judged.probability),
        });
        return { mailbox: 'Junk', flags: [] };
      },
      {
        order: 'late',
        onError: 'skip',
        description: `Junk from a probability of ${config.junkAt} by the account's own statistics`,
      },
    );
    if (mailboxes === undefined) return;
    tap('refiled', async (event) => {
      const kind = kindOf(event);
      if (kind === undefined) return;
      const learnt = await learnAll(event, kind, mailboxes, statistics(), config);
      if (learnt === 0) return;
      metrics
        .counter('postroad_bayes_learnt_total', 'Messages learnt from users.', { kind })
        .increase(learnt);
      log.info('learnt', { account: event.accountId, kind, messages: learnt });
    });
  },
});

/** What statistics say; `undefined` while they know too little. */
export async function judge(
  statistics: Statistics,
  scope: Scope,
  body: Body,
  learntMin: number,
  { wordsMax }: CheckBayesConfig,
): Promise<Judgement | undefined> {
  const learnt = statistics.learnt(scope);
  if (learnt.spam < learntMin || learnt.ham < learntMin) return undefined;
  const tokens = await tokensOfMessage(body, wordsMax);
  return classify(statistics.counts(scope, tokens), learnt);
}

/** Into Junk is spam; out of it, and not into Trash, is none. */
function kindOf({ from, to }: RefiledEvent): Kind | undefined {
  if (to.specialUse === 'Junk') return from.specialUse === 'Trash' ? undefined : 'spam';
  return from.specialUse === 'Junk' && to.specialUse !== 'Trash' ? 'ham' : undefined;
}

/** For the account, and for the server where its users are trusted with that. */
async function learnAll(
  { accountId, messageIds }: RefiledEvent,
  kind: Kind,
  mailboxes: MailboxStore,
  statistics: Statistics,
  config: CheckBayesConfig,
): Promise<number> {
  let learnt = 0;
  for (let at = 0; at < messageIds.length; at += lessonsAtOnce) {
    const lessons: Lesson[] = [];
    for (const messageId of messageIds.slice(at, at + lessonsAtOnce)) {
      const body = await mailboxes.open(messageId);
      if (body === undefined) continue;
      try {
        lessons.push({ tokens: await tokensOfMessage(body, config.wordsMax), key: body.sha256 });
      } finally {
        await body.release();
      }
    }
    learnt += await statistics.learn(accountId, kind, lessons, config.accountTokensMax);
    if (config.usersTeachServer) await statistics.learn(undefined, kind, lessons, config.tokensMax);
  }
  return learnt;
}

function findingOf({ probability, tokens }: Judgement, { spamScore, hamScore }: CheckBayesConfig): Finding {
  const weight = Math.abs(probability - 0.5) * 2;
  return {
    source: 'check-bayes',
    result: probability >= 0.5 ? 'spam' : 'ham',
    score: round(weight * (probability >= 0.5 ? spamScore : hamScore)),
    text: `probability ${round(probability)} by ${tokens} tokens`,
    details: { probability, tokens },
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function describe({ spamScore, hamScore, learntMin }: CheckBayesConfig): string {
  return `${hamScore} to ${spamScore} points, once ${learntMin} messages of each kind are learnt`;
}

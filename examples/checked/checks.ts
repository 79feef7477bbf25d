/** The checks, in the order in which they are asked where order matters. Leave out what you do not want. */
import { join } from 'node:path';
import { checkAuth } from '@postroad/check-auth';
import { checkBayes } from '@postroad/check-bayes';
import { checkClient } from '@postroad/check-client';
import { checkContent } from '@postroad/check-content';
import { checkDmarcPolicy } from '@postroad/check-dmarc-policy';
import { checkDnsbl } from '@postroad/check-dnsbl';
import { checkGreylist } from '@postroad/check-greylist';
import { checkLoginAbuse } from '@postroad/check-login-abuse';
import { checkRate } from '@postroad/check-rate';
import { checkReputation } from '@postroad/check-reputation';
import { checkRspamd } from '@postroad/check-rspamd';
import { checkScore } from '@postroad/check-score';
import type { PluginUse } from '@postroad/core';
import { countersLmdb } from '@postroad/counters-lmdb';

/** What differs from place to place. */
export interface ChecksOptions {
  /** Where what is learnt and counted is kept. */
  readonly directory: string;
  /** DNS lists to ask; none without. Many want to be asked first whether you may. */
  readonly blockLists: readonly string[];
  /** Where rspamd is, such as `http://127.0.0.1:11333`; it is left out without. */
  readonly rspamd: string | undefined;
}

const minuteMs = 60_000;

/** The usual defences of a server that is open to the internet. */
export function checks({ directory, blockLists, rspamd }: ChecksOptions): readonly PluginUse[] {
  return [
    // Limits, greylist, bans and reputations outlive a restart.
    countersLmdb({ directory: join(directory, 'counters') }),
    checkLoginAbuse({}),
    // At the door.
    checkClient({ greetingWaitMs: 500 }),
    checkRate({
      limits: [
        { at: 'connect', by: ['network'], units: 300, perMs: minuteMs, who: 'strangers' },
        { at: 'recipient', by: ['client'], units: 300, perMs: minuteMs, who: 'strangers' },
        { at: 'message', by: ['user'], units: 200, perMs: 60 * minuteMs, who: 'users', count: 'recipients' },
      ],
    }),
    ...(blockLists.length === 0
      ? []
      : [checkDnsbl({ rejectScore: 5, lists: blockLists.map((zone) => ({ zone, weight: 3 })) })]),
    // When the message is there: who says it, what is in it, what is known of such.
    checkAuth(),
    checkDmarcPolicy(),
    checkContent({}),
    checkBayes({ directory: join(directory, 'bayes') }),
    checkReputation({}),
    ...(rspamd === undefined ? [] : [checkRspamd({ servers: [rspamd] })]),
    // Those who can't prove who they are come again; the sum of all findings decides last.
    checkGreylist({ at: 'message' }),
    checkScore({ junk: 5, reject: 15 }),
  ];
}

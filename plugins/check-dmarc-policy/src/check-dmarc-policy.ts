/** The plugin: does with messages that fail DMARC what their domain asks for, or what we were told instead. */
import {
  deferIfAccepted,
  definePlugin,
  dmarcDisposition,
  type Grounds,
  type Message,
  messageAuthentication,
  quarantine,
  Random,
  reject,
  type Verdict,
} from '@postroad/core';
import { dispositionBy } from './decide-disposition.js';
import { type CheckDmarcPolicyConfig, config } from './options.js';

/** Needs a plugin that checks, such as `check-auth`; without one it has no opinion. */
export const checkDmarcPolicy = definePlugin({
  name: 'check-dmarc-policy',
  description: 'Does with messages that fail DMARC what their domain asks for.',
  config,
  needs: { random: Random },
  setup({ config, services, log, metrics, tap }) {
    const decide = dispositionBy(config);
    const count = (disposition: string) =>
      metrics.counter('check_dmarc_policy', 'What was done because of DMARC', { disposition }).increase();
    tap('message', (message) => {
      const authentication = message.get(messageAuthentication);
      const unclear = judgeUnclear(message, config);
      if (unclear !== undefined || authentication === undefined) return unclear;
      const { remoteAddress } = message.transaction.connection;
      const decided = decide({ authentication, remoteAddress, chance: services.random.number() });
      if (decided === undefined) return undefined;
      message.set(dmarcDisposition, decided);
      message.transaction.set(dmarcDisposition, decided);
      count(decided.disposition);
      if (authentication.dmarc?.result === 'fail') {
        log.info('DMARC fails', { message: message.id, domain: authentication.dmarc.domain, ...decided });
      }
      // RFC 7489 section 10.3.
      return decided.disposition === 'reject'
        ? reject(550, '7.1', 'rejected by the DMARC policy of the domain in From', grounds(message))
        : undefined;
    });
    // A quarantine ends the hook: those who may want to refuse come first.
    tap(
      'message',
      (message) => {
        const isAmbiguous = config.onAmbiguous === 'quarantine' && isUnclear(message, 'permerror');
        if (isAmbiguous) return quarantine('not exactly one From', { rule: 'onAmbiguous' });
        const isWanted = message.get(dmarcDisposition)?.disposition === 'quarantine';
        return isWanted ? quarantine('DMARC policy of the domain in From', grounds(message)) : undefined;
      },
      { order: 'late' },
    );
  },
});

function isUnclear(message: Message, result: 'temperror' | 'permerror'): boolean {
  return message.get(messageAuthentication)?.dmarc?.result === result;
}

/** What could not be judged: for now, or ever. */
function judgeUnclear(message: Message, config: CheckDmarcPolicyConfig): Verdict | undefined {
  const authentication = message.get(messageAuthentication);
  const { dmarc, arc } = authentication ?? {};
  if (dmarc?.result === 'permerror' && config.onAmbiguous === 'reject') {
    // RFC 5322 section 3.6 wants exactly one, and RFC 7489 section 6.6.1 can't judge any other number.
    return reject(550, '7.1', 'the message must have exactly one From with one domain', {
      rule: 'onAmbiguous',
      reason: dmarc.comment ?? 'not exactly one From',
    });
  }
  if (config.onTemporary !== 'defer') return undefined;
  const mayBeVouched =
    dmarc?.result === 'fail' && dmarc.policy !== 'none' && config.trustsArc && arc?.isTemporary === true;
  if (dmarc?.result !== 'temperror' && !mayBeVouched) return undefined;
  return deferIfAccepted(451, '4.3', 'the sender could not be checked for now', {
    rule: 'onTemporary',
    reason: dmarc?.comment ?? `DMARC ${dmarc?.result}`,
  });
}

/** The policy that decides, and what failed. */
function grounds(message: Message): Grounds {
  const { dmarc, spf, dkim = [] } = message.get(messageAuthentication) ?? {};
  const { override } = message.get(dmarcDisposition) ?? {};
  const signatures = dkim.map(({ result, domain }) => `${result} (${domain})`).join(', ');
  return {
    rule: `p=${dmarc?.policy} of ${dmarc?.domain}`,
    reason:
      `spf ${spf?.result ?? 'not asked'}, dkim ${signatures === '' ? 'none' : signatures}, none aligned` +
      (override === undefined ? '' : `; ${override}`),
  };
}

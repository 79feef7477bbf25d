import {
  type ArcResult,
  accept,
  type DmarcResult,
  definePlugin,
  dmarcDisposition,
  isMailError,
  messageAuthentication,
  reject,
} from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { checkDmarcPolicy } from './check-dmarc-policy.js';
import { dispositionBy } from './decide-disposition.js';
import { type CheckDmarcPolicyOptions, config } from './options.js';

const failing = (more: Partial<DmarcResult> = {}): DmarcResult => ({
  result: 'fail',
  domain: 'mail.example.org',
  organizationalDomain: 'example.org',
  policy: 'reject',
  percentage: 100,
  isSpfAligned: false,
  isDkimAligned: false,
  ...more,
});
const trusted: ArcResult = {
  result: 'pass',
  sealers: ['lists.example'],
  isTrusted: true,
  original: [{ method: 'dmarc', result: 'pass' }],
};

const decide = (options: CheckDmarcPolicyOptions, dmarc: DmarcResult, chance = 0, arc?: ArcResult) =>
  dispositionBy(config.parse(options))({
    authentication: { dkim: [], results: [], dmarc, ...(arc === undefined ? {} : { arc }) },
    remoteAddress: '192.0.2.7',
    chance,
  });

test('does what the domain asks for, no harder than we want', () => {
  expect(decide({}, failing())).toEqual({ disposition: 'reject' });
  expect(decide({}, failing({ policy: 'quarantine' }))).toEqual({ disposition: 'quarantine' });
  expect(decide({}, failing({ policy: 'none' }))).toEqual({ disposition: 'none' });
  expect(decide({}, failing({ result: 'pass' }))).toEqual({ disposition: 'none' });
  expect(decide({ onReject: 'quarantine' }, failing())).toMatchObject({ disposition: 'quarantine' });
  expect(decide({ onReject: 'note' }, failing())).toMatchObject({
    disposition: 'none',
    override: 'local_policy',
  });
  expect(decide({ onQuarantine: 'note' }, failing({ policy: 'quarantine' }))).toMatchObject({
    disposition: 'none',
  });
});

test('what the sample leaves out gets the next milder policy', () => {
  expect(decide({}, failing({ percentage: 30 }), 0.29)).toEqual({ disposition: 'reject' });
  expect(decide({}, failing({ percentage: 30 }), 0.3)).toEqual({
    disposition: 'quarantine',
    override: 'sampled_out',
  });
  expect(decide({}, failing({ percentage: 0, policy: 'quarantine' }))).toEqual({
    disposition: 'none',
    override: 'sampled_out',
  });
});

test('lists and trusted chains take precedence', () => {
  expect(decide({ exemptDomains: ['example.org'] }, failing())?.disposition).toBe('none');
  expect(decide({ exemptDomains: ['ample.org'] }, failing())?.disposition).toBe('reject');
  expect(decide({ exemptClients: ['192.0.2.0/28'] }, failing())?.override).toBe('trusted_forwarder');
  expect(decide({ exemptClients: ['192.0.2.8', '2001:db8::/32'] }, failing())?.disposition).toBe('reject');
  expect(decide({}, failing(), 0, trusted)).toMatchObject({ disposition: 'none', comment: 'arc=pass' });
  expect(decide({ trustsArc: false }, failing(), 0, trusted)?.disposition).toBe('reject');
  expect(decide({}, failing(), 0, { ...trusted, isTrusted: false })?.disposition).toBe('reject');
  expect(
    decide({}, failing(), 0, { ...trusted, original: [{ method: 'dmarc', result: 'fail' }] })?.disposition,
  ).toBe('reject');
});

/** What a client hears about a message with this result, and where it is filed. */
async function outcomeOf(
  dmarc: DmarcResult | undefined,
  options: CheckDmarcPolicyOptions = {},
  arc?: ArcResult,
  refuses = false,
) {
  let quarantined: string | undefined;
  let disposition: string | undefined;
  const others = definePlugin({
    name: 'check-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('inspect', (message) => {
        if (dmarc === undefined) return { source: 'check-test' };
        message.set(messageAuthentication, {
          dkim: [],
          results: [],
          dmarc,
          ...(arc === undefined ? {} : { arc }),
        });
        return { source: 'check-test' };
      });
      tap('message', () => (refuses ? reject(550, '7.1', 'spam') : undefined));
      tap('accepted', (message) => {
        disposition = message.get(dmarcDisposition)?.disposition;
      });
      tap('enqueued', (message) => {
        quarantined = message.quarantine ?? 'no';
      });
    },
  });
  await using server = await startTestMta({ plugins: [checkDmarcPolicy(options), others()] });
  const recipients = [{ address: { localPart: 'b', domain: 'example.net' } }];
  try {
    await server.mta.submit(
      { reversePath: null, recipients },
      Buffer.from('From: a@example.org\r\n\r\nx\r\n'),
    );
  } catch (error) {
    if (!isMailError(error)) throw error;
    return `${error.reply?.code} ${error.reply?.text}`;
  }
  await expect.poll(() => quarantined).toBeDefined();
  return `${quarantined} ${disposition ?? ''}`.trim();
}

test('refuses, quarantines, or lets pass', async () => {
  expect(await outcomeOf(failing())).toMatch(/^550 rejected by the DMARC policy/);
  expect(await outcomeOf(failing({ policy: 'quarantine' }))).toMatch(/^DMARC policy .* quarantine$/);
  expect(await outcomeOf(failing({ result: 'pass' }))).toBe('no none');
  expect(await outcomeOf(undefined)).toBe('no');
});

test('who wants to refuse comes before a quarantine', async () => {
  expect(await outcomeOf(failing({ policy: 'quarantine' }), {}, undefined, true)).toBe('550 spam');
});

test('what may be known later is deferred, unless somebody refuses it', async () => {
  const unsure = failing({ result: 'temperror' });
  expect(await outcomeOf(unsure)).toMatch(/^451 /);
  expect(await outcomeOf(unsure, {}, undefined, true)).toBe('550 spam');
  expect(await outcomeOf(unsure, { onTemporary: 'note' })).toBe('no');
  const unsureArc: ArcResult = { result: 'fail', sealers: [], isTrusted: false, isTemporary: true };
  expect(await outcomeOf(failing(), {}, unsureArc)).toMatch(/^451 /);
});

test('a message without exactly one From is nobody’s', async () => {
  const unclear = failing({ result: 'permerror', domain: '' });
  expect(await outcomeOf(unclear)).toMatch(/^550 /);
  expect(await outcomeOf(unclear, { onAmbiguous: 'quarantine' })).toBe('not exactly one From');
  expect(await outcomeOf(unclear, { onAmbiguous: 'note' })).toBe('no');
});

/** The plugin: who guesses passwords waits longer with each guess, and is then put off for a time. */
import { createHmac } from 'node:crypto';
import {
  Clock,
  type Connection,
  Counters,
  type Credentials,
  createAddressTest,
  defer,
  definePlugin,
  key,
  LoginFailures,
  Random,
} from '@postroad/core';
import { banCommands, banControls } from './commands.js';
import { type Ban, Ledger, type Subject } from './ledger.js';
import { type CheckLoginAbuseConfig, config } from './options.js';

/** A login under way. */
interface Charge {
  readonly subjects: readonly Subject[];
  readonly address: string;
  readonly login: string;
  /** From a device that is known: it costs nothing. */
  readonly isKnown: boolean;
  /** What was guessed, as a keyed digest. */
  readonly guess: string | undefined;
  /** The end of the connection does not end it any more. */
  hold(): void;
  end(): Promise<void>;
}

const chargeKey = key<Charge>('check-login-abuse.charge');

/**
 * Failures count for the address, its network and the login, whether there is such an account or not: nothing is to be
 * learnt from it. It stands in for no other check: a banned client gets no answer about its password at all.
 */
export const checkLoginAbuse = definePlugin({
  name: 'check-login-abuse',
  description: 'Slows down and bans who guesses passwords.',
  config,
  needs: { counters: Counters, clock: Clock, random: Random },
  provides: [LoginFailures],
  commands: banCommands,
  setup({ config, services, log, metrics, tap, control, provide }) {
    const { counters, clock, random } = services;
    const ledger = new Ledger(counters, config);
    // It makes guesses wait before they are looked at: answers need not wait too.
    provide(LoginFailures, { add: () => 0 });
    const isExempt = createAddressTest(config.exempt);
    // Guesses are compared by a keyed digest: what is shared between machines must not help to find a password.
    const secret = random.bytes(32);
    const slowed = metrics.counter('login_abuse_slowed_total', 'Logins that had to wait');
    const putOff = metrics.counter('login_abuse_put_off_total', 'Logins put off because of a ban');
    const banned = metrics.counter('login_abuse_bans_total', 'Bans');
    for (const [name, handler] of Object.entries(banControls(ledger, config, clock))) control(name, handler);

    tap(
      'credentials',
      async (connection, credentials, signal) => {
        if (isExempt(connection.remoteAddress)) return undefined;
        const charge = await begin(ledger, connection, credentials, secret);
        if (charge === undefined || charge.isKnown) return undefined;
        const verdict = await waitOf(ledger, charge.subjects, config);
        if (verdict === 'ban' || verdict === 'crowd') {
          putOff.increase();
          await charge.end();
          return defer(454, '7.0', 'too many failed logins, try again later', {
            rule: verdict,
            reason: charge.subjects.map(({ scope, value }) => `${scope} ${value}`).join(', '),
          });
        }
        if (verdict > 0) {
          slowed.increase();
          await clock.sleep(verdict, signal);
        }
        return undefined;
      },
      { order: 'early' },
    );

    tap('authenticated', async (connection, identity) => {
      const charge = connection.get(chargeKey);
      if (charge === undefined) return;
      await charge.end();
      for (const login of new Set([charge.login, identity.login.toLowerCase()])) {
        if (login !== '') await ledger.rememberDevice(charge.address, login);
      }
    });

    tap('loginFailed', async ({ connection, status, at }) => {
      const charge = connection.get(chargeKey);
      if (charge === undefined) return;
      // Under way until it is counted: a guess that comes right behind sees it as one or the other.
      charge.hold();
      if (status === 'refused' && at === 'proof') {
        for (const ban of await fail(ledger, charge, clock.now())) {
          banned.increase();
          log.warn('logins are put off', { ...ban, remoteAddress: connection.remoteAddress });
        }
      }
      await charge.end();
    });
  },
});

/** Counts a failure where it counts; the bans that it brings. */
async function fail(ledger: Ledger, charge: Charge, nowMs: number): Promise<readonly Ban[]> {
  const { address, login, guess, subjects } = charge;
  if (charge.isKnown) {
    await ledger.failDevice(address, login);
    return [];
  }
  if (guess !== undefined && !(await ledger.isNewGuess(address, guess))) return [];
  const bans: Ban[] = [];
  for (const subject of subjects) {
    const ban = await ledger.fail(subject, nowMs);
    if (ban !== undefined) bans.push(ban);
  }
  return bans;
}

/** Notes on the connection that a login is under way; however it ends, it is taken back once. */
async function begin(
  ledger: Ledger,
  connection: Connection,
  credentials: Credentials,
  secret: Uint8Array,
): Promise<Charge | undefined> {
  const login = credentials.login.toLowerCase();
  const subjects = ledger.subjects(connection.remoteAddress, login);
  const address = subjects.find(({ scope }) => scope === 'address')?.value;
  // What does not come over a network guesses nothing.
  if (address === undefined) return undefined;
  const isKnown = login !== '' && (await ledger.isKnownDevice(address, login));
  let isOpen = !isKnown;
  const end = async () => {
    if (!isOpen) return;
    isOpen = false;
    hold();
    for (const subject of subjects) await ledger.end(subject);
  };
  const leave = () => {
    // Counters that fail forget it by themselves.
    end().catch(() => undefined);
  };
  const hold = () => connection.signal.removeEventListener('abort', leave);
  const charge = { subjects, address, login, isKnown, guess: guessOf(credentials, secret), hold, end };
  await connection.get(chargeKey)?.end();
  connection.set(chargeKey, charge);
  if (!isKnown) connection.signal.addEventListener('abort', leave, { once: true });
  return charge;
}

/** How long to wait; `ban` and `crowd` (too many logins at once) put it off. The login counts as under way from here. */
export async function waitOf(
  ledger: Ledger,
  subjects: readonly Subject[],
  config: CheckLoginAbuseConfig,
): Promise<number | 'ban' | 'crowd'> {
  let delayMs = 0;
  const begun: (readonly [Subject, number])[] = [];
  for (const subject of subjects) begun.push([subject, await ledger.begin(subject)]);
  for (const [subject, pending] of begun) {
    if (await ledger.isBanned(subject)) return 'ban';
    const failures = await ledger.failures(subject);
    if (subject.scope === 'address' && pending > config.pendingMax) return 'crowd';
    if (failures === 0) continue;
    // Guesses made all at once count like those made one after another.
    const { slowAfter, banAfter } = config[subject.scope];
    const tried = failures + pending - 1;
    if (tried >= banAfter) return 'crowd';
    const over = tried - slowAfter;
    if (over > 0) delayMs = Math.max(delayMs, config.delayMs * 2 ** Math.min(over - 1, 20));
  }
  return Math.min(delayMs, config.delayMsMax);
}

function guessOf(credentials: Credentials, secret: Uint8Array): string | undefined {
  if (credentials.kind !== 'password') return undefined;
  const text = `${credentials.login.toLowerCase()}\0${credentials.password}`;
  return createHmac('sha256', secret).update(text).digest('base64url');
}

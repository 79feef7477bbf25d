/** Mail made for tests: two kinds of writers with overlapping words, from a seed. */
import { createSeededRandom } from '@postroad/core/testing';

const common =
  'the a to and of in is it you that for on with this be have are we at as your from or can will our if has more ' +
  'please today new time account message email team thanks help need here now one day week order number contact';
const spamWords =
  'winner lottery prize claim million dollars inheritance transfer urgent beneficiary viagra pills pharmacy discount ' +
  'cheap replica watches casino bonus jackpot crypto investment guaranteed profit click unsubscribe offer limited act ' +
  'free cash loan credit debt lender weight loss miracle enlargement singles meet hot bitcoin wallet verify suspended';
const hamWords =
  'meeting agenda minutes review draft report quarter budget invoice project deadline deploy build test branch merge ' +
  'release customer ticket lunch dinner birthday kids school holiday flight hotel booking garden recipe book library ' +
  'train neighbours concert photos weekend doctor appointment insurance lease tenant plumber kitchen bicycle repair';
const spamDomains = ['promo.invalid', 'best-deals.invalid', 'winner.invalid', 'pills.invalid'];
const hamDomains = ['example.org', 'example.com', 'school.example', 'work.example'];

/** A labelled message. */
export interface MadeMessage {
  readonly kind: 'spam' | 'ham';
  readonly text: string;
}

/**
 * So many messages, half of each kind. `noise` is the part of words that are of the other kind's: spam that talks of
 * meetings, friends who write of prizes.
 */
export function makeMail(count: number, seed: number, noise = 0.25): readonly MadeMessage[] {
  const random = createSeededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.number() * from.length)] as T;
  const both = common.split(' ');
  return Array.from({ length: count }, (_, at) => {
    const kind = at % 2 === 0 ? 'spam' : 'ham';
    const own = (kind === 'spam' ? spamWords : hamWords).split(' ');
    const other = (kind === 'spam' ? hamWords : spamWords).split(' ');
    const word = () => {
      if (random.number() < 0.6) return pick(both);
      return pick(random.number() < noise ? other : own);
    };
    const words = (number: number) => Array.from({ length: number }, word).join(' ');
    // A third of spam comes from the domains of friends.
    const isFaked = kind === 'spam' && random.number() < 0.33;
    const domain = pick(kind === 'ham' || isFaked ? hamDomains : spamDomains);
    const html = random.number() < 0.5;
    const text = words(40 + Math.floor(random.number() * 80));
    return {
      kind,
      text:
        `From: ${pick(both)} <${pick(own)}${at}@${domain}>\r\nTo: bob@example.net\r\nSubject: ${words(5)}\r\n` +
        `Message-ID: <${seed}.${at}@${domain}>\r\nMIME-Version: 1.0\r\n` +
        `Content-Type: text/${html ? 'html' : 'plain'}; charset=utf-8\r\n\r\n${html ? `<p>${text}</p>` : text}\r\n`,
    };
  });
}

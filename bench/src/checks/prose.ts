/** Messages that read like mail to a classifier: words of a vocabulary, the common ones far more often than the rare. */
import { createSeededRandom } from '@postroad/core/testing';

const vocabulary = 20_000;

/** So many messages of about so many octets, from a seed. */
export function makeProse(count: number, octets: number, seed: number): readonly string[] {
  const random = createSeededRandom(seed);
  // The same words in every set: what is learnt from one is found in another.
  const letters = createSeededRandom(1);
  const words = Array.from({ length: vocabulary }, () => Math.floor(letters.number() * 36 ** 6).toString(36));
  const word = () => words[Math.floor(random.number() ** 3 * words.length)] as string;
  const line = () => Array.from({ length: 9 }, word).join(' ');
  return Array.from({ length: count }, (_, at) => {
    const head =
      `From: ${word()} <sender${at}@bench.example>\r\nTo: <alice@example.org>\r\nSubject: ${word()} ${word()}\r\n` +
      `Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <${seed}.${at}@bench.example>\r\n\r\n`;
    let text = head;
    while (text.length < octets) text += `${line()}\r\n`;
    return text;
  });
}

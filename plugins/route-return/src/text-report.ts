/** Bounces in words only, as old servers write them: where the return path proves the recipient, a status is enough. */
import { classifyBounce, type MailAddress, type ReceivedReport, reply } from '@postroad/core';

const lineMax = 400;

/** A report of the first line that names a status or a code; `undefined` when none does. */
export function reportFromText(text: string, recipient: MailAddress): ReceivedReport | undefined {
  const body = text.slice(Math.max(0, text.indexOf('\r\n\r\n')));
  for (const line of body.split(/\r?\n/)) {
    // What is quoted behind this is the message itself.
    if (/^--- ?Below this line|^-+ ?(?:This is a copy|original message)/i.test(line)) return undefined;
    const [, code, codeClass, detail] =
      /\b([45]\d\d)[ -](?:#?([45])\.(\d{1,3}\.\d{1,3})\b)?/.exec(line) ??
      /\b()#?([45])\.(\d{1,3}\.\d{1,3})\b/.exec(line) ??
      [];
    if (codeClass === undefined && (code === undefined || code === '')) continue;
    const said = reply(
      code === undefined || code === '' ? Number(codeClass) * 100 + 50 : Number(code),
      detail,
      line.trim().slice(0, lineMax),
    );
    return {
      kind: 'bounce',
      recipients: [
        {
          address: recipient,
          action: said.code >= 500 ? 'failed' : 'delayed',
          reply: said,
          bounceClass: classifyBounce(said),
          isHard: said.code >= 500,
        },
      ],
    };
  }
  return undefined;
}

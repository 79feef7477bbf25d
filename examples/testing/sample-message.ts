/** A message as mail programs make it: text in UTF-8, lines that begin with dots, an attachment of random octets. */
import { randomBytes } from 'node:crypto';
import MailComposer from 'nodemailer/lib/mail-composer';

const text = ['Dear Bob,', '', '. a line that begins with a dot', '.', '..', 'Grüße aus Köln', ''].join(
  '\r\n',
);

/** The octets of it, with CRLF line ends; nothing that a submission server would add is missing. */
export function sampleMessage(
  subject: string,
  { from = 'alice@example.org', to = 'bob@example.org', attachmentBytes = 200_000 } = {},
): Promise<Buffer> {
  const attachment = { filename: 'horses.bin', content: randomBytes(attachmentBytes) };
  const mail = { from, to, subject, text, attachments: [attachment], newline: '\r\n' };
  return new MailComposer(mail).compile().build();
}

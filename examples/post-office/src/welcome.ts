/** What the post office says when it is open: where it listens, who lives there, and three commands to try. */
import type { OpenListener } from '@postroad/core';
import type { PostOfficeOptions } from './options.js';

/** An account; its password is known only when it was made just now. */
export interface ShownAccount {
  readonly login: string;
  readonly password?: string;
}

/** The text; the commands in it are run by the tests. */
export function welcome(
  options: PostOfficeOptions,
  listeners: readonly OpenListener[],
  accounts: readonly ShownAccount[],
): string {
  const lines = [`The post office of ${options.domain} is open on ${options.host}:`, ''];
  for (const { label, name, note } of rows) {
    const port = portOf(listeners, name, options);
    lines.push(`  ${label.padEnd(12)} ${String(port).padEnd(6)} ${note}`);
  }
  lines.push('', `Data: ${options.dataDirectory}`);
  lines.push('', ...accountLines(options, accounts));
  lines.push(
    '',
    'Try it from another terminal:',
    '',
    ...commands(options, listeners),
    '',
    'Ctrl-C closes it.',
  );
  return lines.join('\n');
}

function accountLines(options: PostOfficeOptions, accounts: readonly ShownAccount[]): readonly string[] {
  if (accounts.length === 0)
    return [`No account yet. Add one: npx postroad user add alice@${options.domain} --help`];
  const isNew = accounts.some((account) => account.password !== undefined);
  const title = isNew ? 'Accounts (made now, with passwords that everybody knows):' : 'Accounts:';
  return [
    title,
    ...accounts.map(({ login, password }) =>
      password === undefined ? `  ${login}` : `  ${login} / ${password}`,
    ),
  ];
}

const rows = [
  { label: 'SMTP', name: 'smtp', note: 'mail from other servers, STARTTLS' },
  { label: 'Submission', name: 'submission', note: 'mail from your users, login needed' },
  { label: 'Submissions', name: 'submissions', note: 'the same with TLS from the start' },
  { label: 'LMTP', name: 'lmtp', note: 'mail from a local server' },
  { label: 'IMAP', name: 'imap', note: 'mailboxes, STARTTLS' },
  { label: 'IMAPS', name: 'imaps', note: 'the same with TLS from the start' },
  { label: 'POP3', name: 'pop3', note: 'the inbox, STARTTLS' },
  { label: 'POP3S', name: 'pop3s', note: 'the same with TLS from the start' },
] as const;

function portOf(
  listeners: readonly OpenListener[],
  name: keyof PostOfficeOptions['ports'],
  options: PostOfficeOptions,
) {
  return listeners.find((listener) => listener.name === name)?.port ?? options.ports[name];
}

/** Sending with curl, reading with curl over IMAP and POP3. */
export function commands(options: PostOfficeOptions, listeners: readonly OpenListener[]): readonly string[] {
  const { host, domain } = options;
  const port = (name: keyof PostOfficeOptions['ports']) => portOf(listeners, name, options);
  return [
    `  printf 'From: alice@${domain}\\nTo: bob@${domain}\\nSubject: Hello\\n\\nHow are you?\\n' | curl --crlf \\`,
    `    --url smtp://${host}:${port('submission')} --user alice@${domain}:wonderland \\`,
    `    --mail-from alice@${domain} --mail-rcpt bob@${domain} --upload-file -`,
    '',
    `  curl --user bob@${domain}:builder 'imap://${host}:${port('imap')}/INBOX;MAILINDEX=1'`,
    '',
    `  curl --user bob@${domain}:builder pop3://${host}:${port('pop3')}/1`,
  ];
}

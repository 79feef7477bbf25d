/** What the post office says when it is open: where it listens, who lives there, and three commands to try. */
import type { OpenListener } from '@postroad/core';
import type { ShownAccount } from './accounts.js';
import type { Ports, PostOfficeOptions } from './options.js';

const rows: readonly { readonly label: string; readonly name: keyof Ports; readonly note: string }[] = [
  { label: 'SMTP', name: 'smtp', note: 'mail from other servers, STARTTLS' },
  { label: 'Submission', name: 'submission', note: 'mail from your users, login needed' },
  { label: 'Submissions', name: 'submissions', note: 'the same with TLS from the start' },
  { label: 'LMTP', name: 'lmtp', note: 'mail from a local server' },
  { label: 'IMAP', name: 'imap', note: 'mailboxes, STARTTLS' },
  { label: 'IMAPS', name: 'imaps', note: 'the same with TLS from the start' },
  { label: 'POP3', name: 'pop3', note: 'the inbox, STARTTLS' },
  { label: 'POP3S', name: 'pop3s', note: 'the same with TLS from the start' },
];

/** The text. Every port in it is open, and the tests run the commands in it as they stand. */
export function welcome(
  options: PostOfficeOptions,
  listeners: readonly OpenListener[],
  accounts: readonly ShownAccount[],
): string {
  const portOf = (name: keyof Ports) => listeners.find((listener) => listener.name === name)?.port;
  const lines = [`The post office of ${options.domain} is open on ${options.host}:`, ''];
  for (const { label, name, note } of rows) {
    const port = portOf(name);
    if (port !== undefined) lines.push(`  ${label.padEnd(12)} ${String(port).padEnd(6)} ${note}`);
  }
  lines.push('', `Data: ${options.dataDirectory}`);
  lines.push('', ...accountLines(options, accounts));
  lines.push('', ...commandLines(options, accounts, portOf), 'Ctrl-C closes it.');
  return lines.join('\n');
}

function accountLines(options: PostOfficeOptions, accounts: readonly ShownAccount[]): readonly string[] {
  if (accounts.length === 0) return [`No account yet; nobody can log in. ${addUser(options)}`];
  const isOpenToAll = accounts.some((account) => account.password !== undefined);
  const title = isOpenToAll
    ? 'Accounts (with passwords that everybody knows: for this machine only):'
    : 'Accounts:';
  return [
    title,
    ...accounts.map(({ login, password }) =>
      password === undefined ? `  ${login}` : `  ${login} / ${password}`,
    ),
  ];
}

function addUser({ domain }: PostOfficeOptions): string {
  return `Add one: npx postroad user add you@${domain} --config examples/post-office`;
}

/** Sending with curl, reading with curl over IMAP and POP3. */
function commandLines(
  { host, domain }: PostOfficeOptions,
  accounts: readonly ShownAccount[],
  portOf: (name: keyof Ports) => number | undefined,
): readonly string[] {
  const from = accounts[0];
  const to = accounts[1];
  if (from === undefined || to === undefined) return [];
  const userOf = ({ login, password }: ShownAccount) => `--user ${login}:${password ?? 'PASSWORD'}`;
  const at = host.includes(':') ? `[${host}]` : host;
  const addressOf = ({ login }: ShownAccount) => (login.includes('@') ? login : `${login}@${domain}`);
  return [
    'Try it from another terminal:',
    '',
    `  printf 'From: ${addressOf(from)}\\nTo: ${addressOf(to)}\\nSubject: Hello\\n\\nHow are you?\\n' | curl --crlf \\`,
    `    --url smtp://${at}:${portOf('submission')} ${userOf(from)} \\`,
    `    --mail-from ${addressOf(from)} --mail-rcpt ${addressOf(to)} --upload-file -`,
    '',
    `  curl ${userOf(to)} 'imap://${at}:${portOf('imap')}/INBOX;MAILINDEX=1'`,
    '',
    `  curl ${userOf(to)} pop3://${at}:${portOf('pop3')}/1`,
    '',
  ];
}

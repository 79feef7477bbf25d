/** Thunderbird on a screen that nobody sees, with one account set up by preferences, and a look at what it shows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../../testing/poll.js';
import { connectTo, type Marionette, openMarionette } from './marionette.js';

/** What its window shows. */
export interface Shown {
  readonly title: string;
  readonly folders: readonly string[];
  /** Subjects in the list of messages, the newest first. */
  readonly subjects: readonly string[];
  /** The text of the message that is open. */
  readonly text: string;
}

/** A running Thunderbird. `await using` closes it. */
export interface Thunderbird extends AsyncDisposable {
  /** Opens the inbox where it is not open yet, and looks. */
  look(): Promise<Shown>;
  /** Opens the message at that place of the list. */
  open(index: number): Promise<void>;
  /** A picture of the window, as PNG. */
  picture(): Promise<Buffer>;
}

const pane = `const pane = Services.wm.getMostRecentWindow('mail:3pane')?.document.getElementById('tabmail')?.currentAbout3Pane;`;

/** Starts it. The directory is the caller's, and empty. */
export async function startThunderbird(
  directory: string,
  imapPort: number,
  { login, password }: { readonly login: string; readonly password: string },
): Promise<Thunderbird> {
  const profile = join(directory, 'profile');
  await mkdir(profile);
  await writeFile(join(profile, 'user.js'), preferences(imapPort, login));
  const started: ChildProcess[] = [];
  const end = async () => {
    for (const child of started.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  };
  try {
    const screen = await startScreen(started);
    const environment = { ...process.env, HOME: directory, DISPLAY: screen };
    const args = ['--profile', profile, '--no-remote', '--marionette', '--remote-allow-system-access'];
    started.push(spawn('thunderbird', args, { env: environment, stdio: 'ignore' }));
    const socket = await poll('Thunderbird can be asked', async () =>
      connectTo(Number(await readFile(join(profile, 'MarionetteActivePort'), 'utf8').catch(() => 1))),
    );
    const marionette = await openMarionette(socket);
    await rememberPassword(marionette, login, password);
    return { ...viewOf(marionette), [Symbol.asyncDispose]: () => (marionette.close(), end()) };
  } catch (error) {
    await end();
    throw error;
  }
}

function viewOf(marionette: Marionette): Pick<Thunderbird, 'look' | 'open' | 'picture'> {
  return {
    look: async () =>
      (await marionette.run(`${pane}
        const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');
        const inbox = MailServices.accounts.accounts[0].incomingServer.rootFolder.getFolderWithFlags(0x1000);
        if (pane && inbox && pane.gFolder !== inbox) pane.displayFolder(inbox.URI);
        const texts = (selector) => [...pane?.document.querySelectorAll(selector) ?? []].map((one) => one.textContent.trim());
        const message = pane?.messageBrowser?.contentWindow?.getMessagePaneBrowser?.();
        return {
          title: Services.wm.getMostRecentWindow('mail:3pane')?.document.title ?? '',
          folders: texts('#folderTree li .name'),
          subjects: texts('#threadTree [id^="threadTree-row"] .subject'),
          text: message?.contentDocument?.body?.textContent.trim() ?? '',
        };`)) as Shown,
    async open(index) {
      await marionette.run(`${pane} pane.threadTree.selectedIndex = arguments[0];`, index);
    },
    async picture() {
      const shot = await marionette.command('WebDriver:TakeScreenshot', { full: false, hash: false });
      return Buffer.from((shot as { readonly value: string }).value, 'base64');
    },
  };
}

/** An X server that chooses its own number; the name of its display. */
async function startScreen(started: ChildProcess[]): Promise<string> {
  const args = ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'];
  const child = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  started.push(child);
  const [number] = (await once(child.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer];
  return `:${number.toString().trim()}`;
}

/** As if its user had typed it and ticked the box. */
async function rememberPassword(marionette: Marionette, login: string, password: string): Promise<void> {
  await marionette.run(
    `const info = Cc['@mozilla.org/login-manager/loginInfo;1'].createInstance(Ci.nsILoginInfo);
     info.init('imap://127.0.0.1', null, 'imap://127.0.0.1', arguments[0], arguments[1], '', '');
     return Services.logins.addLoginAsync(info).then(() => true);`,
    login,
    password,
  );
}

/** An account, and nothing that asks questions or calls home. */
function preferences(port: number, login: string): string {
  const server = (key: string, value: unknown) => [`mail.server.server1.${key}`, value] as const;
  const all: readonly (readonly [string, unknown])[] = [
    ['mail.accountmanager.accounts', 'account1,account2'],
    ['mail.accountmanager.defaultaccount', 'account1'],
    ['mail.accountmanager.localfoldersserver', 'server2'],
    ['mail.account.account1.identities', 'id1'],
    ['mail.account.account1.server', 'server1'],
    ['mail.account.account2.server', 'server2'],
    ['mail.identity.id1.fullName', 'Alice'],
    ['mail.identity.id1.useremail', login],
    ['mail.identity.id1.valid', true],
    server('type', 'imap'),
    server('hostname', '127.0.0.1'),
    server('port', port),
    server('userName', login),
    server('name', login),
    server('socketType', 0),
    server('authMethod', 3),
    // Not before it has been told the password.
    server('login_at_startup', false),
    server('check_new_mail', false),
    ['mail.server.server2.type', 'none'],
    ['mail.server.server2.hostname', 'Local Folders'],
    ['mail.server.server2.userName', 'nobody'],
    ['mail.server.server2.name', 'Local Folders'],
    ['mail.provider.suppress_dialog_on_startup', true],
    ['mail.shell.checkDefaultClient', false],
    ['mail.rights.version', 1],
    ['mail.biff.show_alert', false],
    ['mailnews.start_page.enabled', false],
    ['mailnews.auto_config_url', ''],
    ['mail.inappnotifications.enabled', false],
    ['app.donation.eoy.version.viewed', 999],
    ['app.update.auto', false],
    ['datareporting.policy.dataSubmissionEnabled', false],
    ['datareporting.healthreport.uploadEnabled', false],
    // 0: the system chooses, and the port is told in the profile.
    ['marionette.port', 0],
  ];
  return all.map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`).join('');
}

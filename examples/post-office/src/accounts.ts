/** Who lives at the post office, and the two who move in when it is opened for the first time. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { usersFile } from '@postroad/auth-file';
import { Directory, definePlugin } from '@postroad/core';

/** An account; its password is told only when it is one that everybody knows. */
export interface ShownAccount {
  readonly login: string;
  readonly password?: string;
}

const demoAccounts = [
  { name: 'alice', password: 'wonderland' },
  { name: 'bob', password: 'builder' },
];

/** Makes the users file when it is missing, with two accounts to play with if `hasDemo`. */
export async function prepareAccounts(
  path: string,
  { domain, hasDemo }: { readonly domain: string; readonly hasDemo: boolean },
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const users = usersFile(path);
  if (!(await users.create()) || !hasDemo) return;
  for (const { name, password } of demoAccounts) await users.add({ login: `${name}@${domain}`, password });
}

/** Lists all accounts once the server runs, and tries whether the passwords that everybody knows are still theirs. */
export function accountLister(domain: string) {
  let directory: Directory | undefined;
  const plugin = definePlugin({
    name: 'observe-accounts',
    description: 'Lets the welcome say who has an account.',
    needs: { directory: Directory },
    setup({ services }) {
      directory = services.directory;
    },
  });
  return {
    plugin: plugin(),
    async list(): Promise<readonly ShownAccount[]> {
      const shown: ShownAccount[] = [];
      for await (const { login } of directory?.list() ?? []) {
        const password = demoAccounts.find(({ name }) => login === `${name}@${domain}`)?.password;
        const isRight =
          password !== undefined &&
          (await directory?.verifyPassword(login, password, AbortSignal.timeout(10_000))) !== undefined;
        shown.push(isRight ? { login, password } : { login });
      }
      return shown;
    },
  };
}

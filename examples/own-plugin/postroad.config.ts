/** A small server with the plugin beside this file. `npx postroad start --config examples/own-plugin` runs it. */
import { accessPop3 } from '@postroad/access-pop3';
import { defineConfig, directoryMemory, listener, queueMemory, storeMemory } from '@postroad/core';
import { routeLocal } from '@postroad/route-local';

const host = '127.0.0.1';
const port = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);

export default defineConfig({
  hostname: 'mail.example.org',
  plugins: [
    directoryMemory({ accounts: [{ address: 'alice@example.org', password: 'wonderland' }] }),
    routeLocal({ domains: ['example.org'] }),
    queueMemory(),
    storeMemory(),
    accessPop3({ host, port: port('POP3_PORT', 2111), tls: 'none', plaintextAuth: true }),
    // By path: TypeScript, compiled in memory; its options stand beside its name.
    { use: './check-manners.ts', words: ['please', 'thank you'] },
  ],
  listeners: [listener({ name: 'smtp', host, port: port('SMTP_PORT', 2527), role: 'relay', tls: 'none' })],
});

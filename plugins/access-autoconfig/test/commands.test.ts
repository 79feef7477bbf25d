import type { PluginCommand } from '@postroad/core';
import { expect, test } from 'vitest';
import { dnsCommands } from '../src/commands.js';
import { config } from '../src/options.js';

test('the command prints records whole, as zone files have them', async () => {
  const [command] = dnsCommands as readonly PluginCommand<ReturnType<typeof config.parse>>[];
  const lines: string[] = [];
  const long = 'x'.repeat(300);
  const ran = command?.run({
    config: config.parse({ domains: ['example.org'] }),
    args: { domain: 'example.org' },
    call: async () => [
      { name: 'a.example.org', type: 'TXT', value: long, note: 'waiting' },
      { name: 'example.org', type: 'MX', value: '10 mx.example.org', state: 'different', found: '10 other' },
    ],
    terminal: {
      isJson: false,
      isInteractive: false,
      print: (line) => void lines.push(line),
      result() {},
      askSecret: async () => '',
    },
  });
  // What is not as it should be fails the command, for scripts.
  await expect(ran).rejects.toMatchObject({ code: 'E_NOT_FOUND', message: '1 of 2 records are not in DNS' });
  expect(lines).toEqual([
    `a.example.org. TXT "${long.slice(0, 255)}" "${long.slice(255)}"  ; waiting`,
    'different example.org. MX 10 mx.example.org  ; found: 10 other',
  ]);
});

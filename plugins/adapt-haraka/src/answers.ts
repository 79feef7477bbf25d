/** What a hook came to, as a verdict. */
import { defer, disconnect, type Grounds, reject, type Verdict } from '@postroad/core';
import { codes } from './codes.js';
import type { HookResult } from './run-hooks.js';

/** The reply that a plugin asks for. */
interface Words {
  readonly code: number | undefined;
  readonly detail: string;
  readonly text: string | readonly string[];
}

/** The verdict of what refuses or is broken; `undefined` for everything else. */
export function refusalOf(result: HookResult, hook: string): Verdict | undefined {
  const grounds: Grounds = { rule: `${result.plugin} ${hook}` };
  if (result.code === 'broken') {
    return defer(451, '3.0', 'temporary problem, try again later', {
      ...grounds,
      reason: 'the plugin is broken',
    });
  }
  const words = wordsOf(result.message);
  switch (result.code) {
    case codes.DENY: {
      const { text, detail } = words;
      return words.code !== undefined && words.code < 500
        ? defer(words.code, detail, text ?? [], grounds)
        : reject(words.code ?? 550, detail, text, grounds);
    }
    case codes.DENYSOFT:
      return words.code !== undefined && words.code >= 500
        ? reject(words.code, words.detail, words.text, grounds)
        : defer(words.code ?? 450, words.detail, words.text, grounds);
    case codes.DENYDISCONNECT:
      return disconnect(words.code ?? 550, words.detail, words.text, grounds);
    case codes.DENYSOFTDISCONNECT:
      return disconnect(words.code ?? 450, words.detail, words.text, grounds);
    case codes.DISCONNECT:
      return disconnect(421, words.detail, words.text, grounds);
    default:
      return undefined;
  }
}

/** Text, lines of text, or a DSN object with code and enhanced status (RFC 3463). */
function wordsOf(message: unknown): Words {
  const usual: Words = { code: undefined, detail: '7.1', text: 'denied' };
  if (typeof message === 'string' && message !== '') return { ...usual, text: message };
  if (Array.isArray(message) && message.length > 0) return { ...usual, text: message.map(String) };
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return usual;
  const { code, msg, sub, det } = message as { code?: unknown; msg?: unknown; sub?: unknown; det?: unknown };
  const number = Number(code);
  const hasCode = Number.isInteger(number) && number >= 400 && number < 600;
  const hasDetail = /^\d{1,3}$/.test(String(sub)) && /^\d{1,3}$/.test(String(det));
  return {
    code: hasCode ? number : undefined,
    detail: hasDetail ? `${sub}.${det}` : '7.1',
    text: typeof msg === 'string' && msg !== '' ? msg : 'denied',
  };
}

/** What an action of Postfix's access(5) means here. */
import {
  defer,
  deferIfAccepted,
  disconnect,
  type Grounds,
  headerField,
  type MailAddress,
  MailError,
  type NewHeaderField,
  parseAddress,
  reject,
  type Verdict,
} from '@postroad/core';

/** An action, read. */
export type PolicyAction =
  | { readonly kind: 'none' | 'permit' }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'discard' | 'hold' | 'note'; readonly text: string }
  | { readonly kind: 'prepend'; readonly field: NewHeaderField }
  | { readonly kind: 'redirect' | 'copy'; readonly address: MailAddress };

/** Reads an action; throws `E_PEER` for what is none, or none that can be carried out here. */
export function readAction(action: string, service: string): PolicyAction {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(action) ?? [];
  const grounds: Grounds = { rule: service, reason: action.slice(0, 200) };
  if (/^[45]\d\d$/.test(word)) return { kind: 'verdict', verdict: verdictOf(Number(word), rest, grounds) };
  switch (word.toUpperCase()) {
    case 'OK':
    case 'PERMIT':
      return { kind: 'permit' };
    case 'DUNNO':
    // It would turn a later refusal into a deferral, which no verdict says; without one it means nothing.
    case 'DEFER_IF_REJECT':
      return { kind: 'none' };
    case 'REJECT':
      return { kind: 'verdict', verdict: verdictOf(554, rest || 'access denied', grounds) };
    case 'DEFER':
      return { kind: 'verdict', verdict: verdictOf(450, rest || 'try again later', grounds) };
    case 'DEFER_IF_PERMIT': {
      const { detail, text } = wordsOf(rest || 'try again later', 4);
      return { kind: 'verdict', verdict: deferIfAccepted(450, detail, text, grounds) };
    }
    case 'DISCARD':
      return { kind: 'discard', text: rest };
    case 'HOLD':
      return { kind: 'hold', text: rest };
    case 'WARN':
    case 'INFO':
      return { kind: 'note', text: rest };
    case 'PREPEND':
      return { kind: 'prepend', field: fieldOf(rest) };
    case 'REDIRECT':
      return { kind: 'redirect', address: addressOf(rest) };
    case 'BCC':
      return { kind: 'copy', address: addressOf(rest) };
    default:
      // FILTER and the names of restrictions are Postfix's own.
      throw new MailError(
        'E_PEER',
        `the policy server named the action ${JSON.stringify(word.slice(0, 50))}`,
      );
  }
}

function verdictOf(code: number, words: string, grounds: Grounds): Verdict {
  const { detail, text } = wordsOf(words || 'access denied', code >= 500 ? 5 : 4);
  // RFC 5321 section 3.8 and RFC 7504: the server closes with these.
  if (code === 421 || code === 521) return disconnect(code, detail, text, grounds);
  return code >= 500 ? reject(code, detail, text, grounds) : defer(code, detail, text, grounds);
}

/** The text without its enhanced status; one of another class does not count. */
function wordsOf(words: string, kind: 4 | 5): { readonly detail: string; readonly text: string } {
  const [, digit, detail, text = ''] = /^([245])\.(\d{1,3}\.\d{1,3})\s*(.*)$/s.exec(words) ?? [];
  if (detail === undefined) return { detail: '7.1', text: words };
  return { detail: Number(digit) === kind ? detail : '7.1', text: text === '' ? 'access denied' : text };
}

function fieldOf(text: string): NewHeaderField {
  const [, name, value] = /^([!-9;-~]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new MailError('E_PEER', 'the policy server named a field that is none');
  return headerField(name, value ?? '');
}

function addressOf(text: string): MailAddress {
  const address = parseAddress(text.replace(/^<(.*)>$/, '$1'));
  if (address === undefined) throw new MailError('E_PEER', 'the policy server named an address that is none');
  return address;
}

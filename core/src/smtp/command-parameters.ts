/** The ` KEYWORD=value` part behind the path of MAIL and RCPT (RFC 5321 section 4.1.2, `esmtp-param`). */

const keywordPattern = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
const valuePattern = /^[!-<>-~\u0080-\u{10ffff}]+$/u;
const parametersMax = 32;

/** One parameter; `value` is absent when there was no `=`. */
export interface CommandParameter {
  readonly keyword: string;
  readonly value: string | undefined;
}

const none: readonly CommandParameter[] = Object.freeze([]);

/** Reads what follows the path; `undefined` when it is malformed, has a keyword twice or too many. */
export function parseParameters(text: string, lenient: boolean): readonly CommandParameter[] | undefined {
  if (text === '') return none;
  if (text[0] !== ' ') return undefined;
  const words = lenient ? text.trim().split(/ +/) : text.slice(1).split(' ');
  if (lenient && words[0] === '') return none;
  if (words.length > parametersMax) return undefined;
  const parameters: CommandParameter[] = [];
  for (const word of words) {
    const parameter = parseParameter(word);
    if (parameter === undefined) return undefined;
    // RFC 3461 section 4 says it of its own; it is meaningless for every other too.
    if (parameters.some((earlier) => earlier.keyword === parameter.keyword)) return undefined;
    parameters.push(parameter);
  }
  return parameters;
}

function parseParameter(word: string): CommandParameter | undefined {
  const equals = word.indexOf('=');
  const keyword = equals < 0 ? word : word.slice(0, equals);
  if (!keywordPattern.test(keyword)) return undefined;
  if (equals < 0) return { keyword: keyword.toUpperCase(), value: undefined };
  const value = word.slice(equals + 1);
  return valuePattern.test(value) ? { keyword: keyword.toUpperCase(), value } : undefined;
}

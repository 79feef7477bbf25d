/** MTA-STS policies and records as values (RFC 8461 section 3). */

/** What a domain asks of those who send to it. */
export interface MtaStsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /** Host names, or `*.` with a name below which one label may stand. */
  readonly mx: readonly string[];
  readonly maxAgeMs: number;
}

/** A year (RFC 8461 section 3.2). */
const maxAgeSecondsMax = 31_557_600;
const patternsMax = 100;

/** The id in the TXT records of `_mta-sts.<domain>`; `undefined` when there is no policy (RFC 8461 section 3.1). */
export function parseStsRecord(records: readonly string[]): string | undefined {
  const own = records.filter((record) => /^v=STSv1\s*(?:;|$)/.test(record));
  if (own.length !== 1) return undefined;
  return /;\s*id=([A-Za-z0-9]{1,32})\s*(?:;|$)/.exec(own[0] as string)?.[1];
}

/** Reads a policy; `undefined` when it is not valid (RFC 8461 section 3.2). The first field of a name counts. */
export function parseStsPolicy(text: string): MtaStsPolicy | undefined {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name = '', value = ''] = /^([a-z0-9_]+)[ \t]*:[ \t]*(.*?)[ \t]*$/i.exec(line) ?? [];
    if (name === 'mx' && mx.length < patternsMax) mx.push(value.toLowerCase());
    else if (name !== '' && !fields.has(name)) fields.set(name, value);
  }
  const mode = fields.get('mode');
  const maxAge = fields.get('max_age') ?? '';
  if (fields.get('version') !== 'STSv1' || !/^\d{1,10}$/.test(maxAge)) return undefined;
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') return undefined;
  if (mode !== 'none' && mx.length === 0) return undefined;
  return { mode, mx, maxAgeMs: Math.min(Number(maxAge), maxAgeSecondsMax) * 1000 };
}

/** Whether a mail exchanger is one of the policy's (RFC 8461 section 4.1). */
export function isStsHost(policy: MtaStsPolicy, host: string): boolean {
  const name = host.toLowerCase();
  return policy.mx.some((pattern) =>
    pattern.startsWith('*.') ? name.slice(name.indexOf('.')) === pattern.slice(1) : name === pattern,
  );
}

/** The policy as it would be written. */
export function stsPolicyLines({ mode, mx, maxAgeMs }: MtaStsPolicy): readonly string[] {
  return [
    'version: STSv1',
    `mode: ${mode}`,
    ...mx.map((name) => `mx: ${name}`),
    `max_age: ${maxAgeMs / 1000}`,
  ];
}

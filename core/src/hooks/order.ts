/** In which order the taps of a hook run: `early`, none, `late`; then `after`; then the order of the composition. */
import { MailError } from '../errors.js';
import type { TapOptions } from '../plugin/define.js';
import type { HookName } from './table.js';

/** A tap as it was made. */
export interface Tap {
  readonly hook: HookName;
  readonly plugin: string;
  readonly answer: (...args: never[]) => unknown;
  readonly options: TapOptions;
}

const groups = ['early', undefined, 'late'] as const;

/** The taps of one hook in their order; throws `E_TAP_ORDER` when wishes contradict each other. */
export function orderTaps(taps: readonly Tap[]): readonly Tap[] {
  return groups.flatMap((group) => orderByAfter(taps.filter((tap) => tap.options.order === group)));
}

function orderByAfter(taps: readonly Tap[]): readonly Tap[] {
  const waiting = [...taps];
  const ordered: Tap[] = [];
  while (waiting.length > 0) {
    const at = waiting.findIndex((tap) => !waiting.some((other) => mustFollow(tap, other)));
    if (at < 0) {
      const names = waiting.map((tap) => tap.plugin).join(', ');
      throw new MailError(
        'E_TAP_ORDER',
        `taps on ${waiting[0]?.hook} each want to come after another: ${names}`,
      );
    }
    ordered.push(...waiting.splice(at, 1));
  }
  return ordered;
}

function mustFollow(tap: Tap, other: Tap): boolean {
  return other !== tap && other.plugin !== tap.plugin && tap.options.after?.includes(other.plugin) === true;
}

/** Patterns as users write them: `*` stands for any characters, everything else for itself, in any case. Pure. */

/** The pattern as an expression that fits whole texts. */
export function patternOf(text: string): RegExp {
  const escaped = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 'is');
}

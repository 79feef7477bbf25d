/** Patterns of LIST (RFC 9051 section 6.3.9): `*` matches anything, `%` anything but the hierarchy separator. */

/** Between levels of a mailbox name. */
export const hierarchySeparator = '/';

/** Longer patterns are refused, so that the work per name is bounded. */
export const patternLengthMax = 1024;

/**
 * Makes a matcher. It walks all possible places of the pattern at once, so its time is at most the product of both
 * lengths, whatever the wildcards. INBOX is matched in any case.
 */
export function listMatcher(pattern: string): (name: string) => boolean {
  const steps = pattern.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%');
  if (steps === '*') return () => true;
  const inboxSteps = steps.toUpperCase();
  return (name) => matches(steps, name) || (name === 'INBOX' && matches(inboxSteps, name));
}

function matches(steps: string, name: string): boolean {
  let places = closure(steps, new Set([0]));
  for (const character of name) {
    const next = new Set<number>();
    for (const place of places) {
      const step = steps[place];
      if (step === '*' || (step === '%' && character !== hierarchySeparator)) next.add(place);
      else if (step !== '%' && step !== undefined && steps.startsWith(character, place)) {
        next.add(place + character.length);
      }
    }
    if (next.size === 0) return false;
    places = closure(steps, next);
  }
  return places.has(steps.length);
}

/** A wildcard may match nothing: the place behind it is reached too. */
function closure(steps: string, places: Set<number>): Set<number> {
  for (const place of places) if (steps[place] === '*' || steps[place] === '%') places.add(place + 1);
  return places;
}

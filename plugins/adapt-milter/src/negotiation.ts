/** The first exchange with a filter: the version, what it may change, which steps it wants, and its macros by stage. */
import { actions, numberOf, offeredActions, offeredSteps, type Packet, steps, wrong } from './wire.js';

/** Where macros are sent, by the number that a filter names the stage with. */
export const macroStages = [
  'connect',
  'hello',
  'mail',
  'recipient',
  'data',
  'endOfBody',
  'endOfHeader',
] as const;

/** A stage with macros. */
export type MacroStage = (typeof macroStages)[number];

/** What was agreed. */
export interface Agreement {
  readonly version: number;
  /** Whether the filter may make this change. */
  may(action: keyof typeof actions): boolean;
  /** Whether this step was agreed. */
  has(step: keyof typeof steps): boolean;
  /** The macros that the filter asks for at a stage; without a wish the server chooses. */
  readonly macros: ReadonlyMap<MacroStage, readonly string[]>;
}

const version = 6;
const versionMin = 2;

/** What the server offers. */
export function offer(): Buffer {
  return Buffer.concat([numberOf(version), numberOf(offeredActions), numberOf(offeredSteps)]);
}

/** Reads the filter's answer; throws when it wants what was not offered. */
export function readAgreement({ letter, data }: Packet): Agreement {
  if (letter !== 'O' || data.length < 12) throw wrong('something else than its wishes');
  const theirs = data.readUInt32BE(0);
  const wantedActions = data.readUInt32BE(4);
  const wantedSteps = data.readUInt32BE(8);
  if (theirs < versionMin || theirs > version) throw wrong(`version ${theirs}`);
  if ((wantedActions & ~offeredActions) !== 0) throw wrong('wishes for changes that were not offered');
  if ((wantedSteps & ~offeredSteps) !== 0) throw wrong('wishes for steps that were not offered');
  return {
    version: theirs,
    may: (action) => (wantedActions & actions[action]) !== 0,
    has: (step) => (wantedSteps & steps[step]) !== 0,
    macros: readMacroLists(data.subarray(12)),
  };
}

function readMacroLists(data: Buffer): ReadonlyMap<MacroStage, readonly string[]> {
  const lists = new Map<MacroStage, readonly string[]>();
  for (let at = 0; at < data.length; ) {
    const end = data.indexOf(0, at + 4);
    if (end < 0) throw wrong('a list of macros without its end');
    const stage = macroStages[data.readUInt32BE(at)];
    if (stage === undefined) throw wrong('a list of macros for a stage that is none');
    const names = data.toString('latin1', at + 4, end).split(/[\s,]+/);
    lists.set(
      stage,
      names.filter((name) => name !== ''),
    );
    at = end + 1;
  }
  return lists;
}

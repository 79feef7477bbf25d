/** A whole server in memory for tests: the real engine, on loopback ports that the system chooses. */

import { queueMemory } from '../memory/queue-memory.js';
import { storeMemory } from '../memory/store-memory.js';
import { createMta, type Mta } from '../mta.js';
import type { MtaOptions } from '../mta-options.js';
import type { PluginUse } from '../plugin/define.js';
import type { MtaServices } from '../server/house.js';
import type { LogFields, Logger } from '../services/logger.js';

/** A line that the server logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** A running test server. `await using` stops it. */
export interface TestMta extends AsyncDisposable {
  readonly mta: Mta;
  /** The engines in memory that stand in for plugins that were not given; for a reload name them again. */
  readonly engines: readonly PluginUse[];
  /** The port of a listener by its name. */
  port(listener: string): number;
  /** What was logged until now. */
  readonly logged: readonly LoggedLine[];
  /** Resolves with the first line of this event, also one that is yet to come. */
  whenLogged(event: string): Promise<LoggedLine>;
  stop(): Promise<void>;
}

/** What differs from the usual server; plugins are added to the engines in memory, which stand down for others. */
export interface TestMtaOptions extends Partial<MtaOptions>, Omit<MtaServices, 'log'> {}

/** Starts a server with one `relay` listener unless others are given. */
export async function startTestMta(options: TestMtaOptions = {}): Promise<TestMta> {
  const { clock, random, resolver, ...rest } = options;
  const recorder = createRecorder();
  const engines = enginesFor(rest.plugins ?? []);
  const mta = createMta(
    {
      hostname: 'mx.test',
      drainMs: 2_000,
      listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }],
      ...rest,
      plugins: [...engines, ...(rest.plugins ?? [])],
    },
    {
      log: recorder.log,
      ...(clock === undefined ? {} : { clock }),
      ...(random === undefined ? {} : { random }),
      ...(resolver === undefined ? {} : { resolver }),
    },
  );
  await mta.start();
  return {
    mta,
    engines,
    logged: recorder.lines,
    whenLogged: recorder.when,
    port(name) {
      const found = mta.listeners.find((listener) => listener.name === name);
      if (found === undefined) throw new Error(`no listener ${name}`);
      return found.port;
    },
    stop: () => mta.stop(),
    [Symbol.asyncDispose]: () => mta.stop(),
  };
}

/** Engines in memory for what the given plugins do not provide. */
function enginesFor(plugins: readonly PluginUse[]): readonly PluginUse[] {
  const provided = new Set(plugins.flatMap((use) => use.definition.provides ?? []).map((token) => token.id));
  return [queueMemory(), storeMemory()].filter(
    (engine) => engine.definition.provides?.some((token) => provided.has(token.id)) !== true,
  );
}

function createRecorder() {
  const lines: LoggedLine[] = [];
  const waiting = new Set<(line: LoggedLine) => void>();
  const add = (line: LoggedLine) => {
    lines.push(line);
    for (const look of waiting) look(line);
  };
  const logger = (base: LogFields): Logger => ({
    debug: (event, fields) => add({ level: 'debug', event, fields: { ...base, ...fields } }),
    info: (event, fields) => add({ level: 'info', event, fields: { ...base, ...fields } }),
    warn: (event, fields) => add({ level: 'warn', event, fields: { ...base, ...fields } }),
    error: (event, fields) => add({ level: 'error', event, fields: { ...base, ...fields } }),
    child: (fields) => logger({ ...base, ...fields }),
  });
  const when = (event: string): Promise<LoggedLine> => {
    const known = lines.find((line) => line.event === event);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      const look = (line: LoggedLine) => {
        if (line.event !== event) return;
        waiting.delete(look);
        resolve(line);
      };
      waiting.add(look);
    });
  };
  return { log: logger({}), lines, when };
}

/** An explanation for people. */
import { hookTable } from '../hooks/table.js';
import type { ExplainedHook, ExplainedTap, Explanation } from '../server/explain.js';

/** The lines of `postroad explain`. */
export function renderExplanation(explanation: Explanation, hasColour: boolean): readonly string[] {
  const bold = (text: string) => (hasColour ? `\u001b[1m${text}\u001b[22m` : text);
  const ofServer = explanation.plugins.filter((plugin) => plugin.listener === undefined);
  const lines = [bold(`${explanation.hostname}, generation ${explanation.generation}`), '', bold('Plugins')];
  lines.push(...columns(ofServer.map(({ name, description = '' }) => [name, description])));
  lines.push('', bold('Services'));
  lines.push(
    ...columns(
      explanation.services.map(({ token, provider, listener }) => [
        token,
        listener === undefined ? provider : `${provider} (listener ${listener})`,
      ]),
    ),
  );
  lines.push('', bold('Hooks of the whole server'), ...hookLines(ofWholeServer(explanation)));
  for (const listener of explanation.listeners) {
    const own = explanation.plugins.filter((plugin) => plugin.listener === listener.name);
    lines.push(
      '',
      bold(`Listener ${listener.name}: ${listener.role} on ${listener.address}, TLS ${listener.tls}`),
    );
    if (own.length > 0)
      lines.push(...columns([['its plugins', own.map((plugin) => plugin.name).join(', ')]]));
    lines.push(...hookLines(listener.hooks));
  }
  return lines;
}

/** Hooks that run per listener are shown there, with the listener's own plugins among them. */
function ofWholeServer({ hooks, listeners }: Explanation): readonly ExplainedHook[] {
  return listeners.length === 0 ? hooks : hooks.filter(({ hook }) => hookTable[hook].scope === 'mta');
}

function hookLines(hooks: readonly ExplainedHook[]): readonly string[] {
  if (hooks.length === 0) return ['  (nobody taps any)'];
  const rows = columns(
    hooks.map(({ hook, kind, taps, undecided }) => [
      hook,
      `${kind}`,
      undecided === '–' ? taps.join(' → ') : `${taps.join(' → ')} → ${undecided} when nobody decides`,
    ]),
  );
  return hooks.flatMap(({ checks }, at) => [rows[at] as string, ...checks.flatMap(checkLine)]);
}

/** What a tap says of itself, below its hook; nothing when it says nothing. */
function checkLine({ plugin, description, onError, timeoutMs }: ExplainedTap): readonly string[] {
  if (description === undefined) return [];
  const failing = onError === 'skip' ? ', goes on without it when it fails' : '';
  return [`    ${plugin}: ${description} (at most ${timeoutMs / 1_000} s${failing})`];
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}

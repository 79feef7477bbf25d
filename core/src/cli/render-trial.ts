/** A trial for people. */
import type { TrialReport } from '../server/try-message.js';
import type { Finding } from '../values/finding.js';
import { cellText } from './table.js';

/** The lines of `postroad try`. */
export function renderTrial({ listener, steps, findings, replies, queued }: TrialReport): readonly string[] {
  const score = findings.reduce((sum, one) => sum + (one.score ?? 0), 0);
  return [
    `Listener ${listener}`,
    '',
    'What the client hears',
    ...replies.map(({ at, reply, by }) =>
      cellText(`  ${at}: ${reply}${by === undefined ? '' : `  (${by})`}`),
    ),
    '',
    'What the plugins said',
    ...(steps.length === 0 ? ['  nothing'] : steps.map((step) => cellText(`  ${stepText(step)}`))),
    '',
    findings.length === 0
      ? 'No findings'
      : `Findings, ${Math.round(score * 1_000) / 1_000} points of their own`,
    ...findings.map((finding) => cellText(`  ${findingText(finding)}`)),
    '',
    ...(queued === undefined
      ? ['Nothing would be queued.']
      : [
          cellText(`Would be queued for ${queued.recipients.join(', ')}, ${queued.sizeBytes} octets`),
          ...(queued.quarantine === undefined ? [] : [cellText(`Marked for Junk: ${queued.quarantine}`)]),
          'with these fields in front',
          ...queued.headerPrefix
            .trimEnd()
            .split('\r\n')
            .map((line) => `  ${cellText(line.replaceAll('\t', '  '))}`),
        ]),
  ];
}

function stepText({ hook, plugin, answer, reply, rule, reason }: TrialReport['steps'][number]): string {
  const why = [rule, reason].filter((part) => part !== undefined).join(': ');
  return [`${hook}  ${plugin}  ${answer}`, reply, why]
    .filter((part) => part !== undefined && part !== '')
    .join('  ');
}

function findingText({ source, result, score, text, error }: Finding): string {
  const points = score === undefined ? '' : `${score}`;
  const name = result === undefined ? source : `${source} ${result}`;
  return [points.padStart(6), name, text, error === undefined ? undefined : `failed: ${error}`]
    .filter((part) => part !== undefined && part !== '')
    .join('  ');
}

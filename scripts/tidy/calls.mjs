// Calls that only certain places may make.
import { lineAt } from './source.mjs';

/** The places where time and chance come in. */
const sources = new Set([
  'core/src/services/system-clock.ts',
  'core/src/services/system-random.ts',
  'core/src/testing/virtual-clock.ts',
]);

const timeAdvice = 'ask the Clock service, so that tests can move it';
const banned = [
  {
    rule: 'date-now',
    pattern: /\bDate\.now\(|\bnew Date\(\)/g,
    advice: timeAdvice,
    except: (path) => sources.has(path),
  },
  {
    rule: 'timer',
    pattern: /(?<![.\w])set(?:Timeout|Interval)\(/g,
    advice: timeAdvice,
    except: (path) => sources.has(path),
  },
  {
    rule: 'math-random',
    pattern: /\bMath\.random\(/g,
    advice: 'ask the Random service',
    except: (path) => sources.has(path),
  },
  {
    rule: 'process-exit',
    pattern: /\bprocess\.exit\(/g,
    advice: 'let the work end, or throw; only main.ts of an example and core/bin may exit',
    except: (path) => /^examples\/[^/]+\/src\/main\.ts$/.test(path),
  },
  {
    rule: 'as-any',
    pattern: /\bas any\b|: any\b|<any>/g,
    advice: 'say `unknown` and parse it once',
    except: () => false,
  },
  {
    rule: 'empty-catch',
    pattern: /\bcatch (?:\([^)]*\) )?\{\s*\}/g,
    advice: 'handle it, or say why not',
    except: () => false,
  },
];

export function checkCalls({ sources: all, report }) {
  const classes = ownClasses(all);
  for (const source of all) {
    if (source.isTest || !/^(?:core|engines\/[^/]+|plugins\/[^/]+|examples\/[^/]+)\/src\//.test(source.path))
      continue;
    for (const { rule, pattern, advice, except } of banned) {
      if (except(source.path)) continue;
      for (const match of source.code.matchAll(pattern)) {
        if (rule === 'empty-catch' && hasComment(source.text, match)) continue;
        report(rule, `${source.path}:${lineAt(source.code, match.index)}`, `${match[0].trim()}: ${advice}`);
      }
    }
    for (const match of source.code.matchAll(/\binstanceof ([\w$]+)/g)) {
      const home = classes.get(match[1]);
      if (home === undefined || (home === packageOf(source.path) && match[1] !== 'MailError')) continue;
      const place = `${source.path}:${lineAt(source.code, match.index)}`;
      report('instanceof', place, `there may be two copies of ${match[1]}: recognise it by its brand`);
    }
  }
}

/** A comment was blanked; it is the reason that is asked for. */
function hasComment(text, match) {
  return /\/\/|\/\*/.test(text.slice(match.index, match.index + match[0].length));
}

function ownClasses(all) {
  const classes = new Map();
  for (const source of all) {
    for (const match of source.code.matchAll(/\bclass ([\w$]+)/g))
      classes.set(match[1], packageOf(source.path));
  }
  return classes;
}

function packageOf(path) {
  return path
    .split('/')
    .slice(0, path.startsWith('core/') ? 1 : 2)
    .join('/');
}

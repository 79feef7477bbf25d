import { describe, it } from 'vitest';
import { startPop3 } from './start-pop3.js';

const login = `
  S: +OK ...
  C: USER alice@example.org
  C: PASS wonder land
  S: +OK ...
`;
const bye = `
  C: QUIT
  S: +OK ...
  S: <closed>
`;

describe('POP3 with UTF-8 in a header', () => {
  const text = 'Subject: café\n\nbody\n';

  it('gives the message as it is, or refuses it to a client that has not said UTF8', async () => {
    await using asIs = await startPop3();
    await asIs.file(text);
    await asIs.play(`${login}S: +OK ...\nC: RETR 1\nS: +OK ...\nS: Subject: café\nS: ...\nS: .${bye}`);
    await using strict = await startPop3({ utf8Messages: 'refuse' });
    await strict.file(text);
    await strict.play(
      `${login}S: +OK ...\nC: RETR 1\nS: -ERR [UTF8] ...\nC: TOP 1 0\nS: -ERR [UTF8] ...${bye}`,
    );
    await strict.play(`
      S: +OK ...
      C: UTF8
      S: +OK ...
      C: USER alice@example.org
      C: PASS wonder land
      S: +OK ...
      S: +OK 1 ...
      C: RETR 1
      S: +OK ...
      S: Subject: café
      S: ...
      S: .
      ${bye}
    `);
  });
});

import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { playDialogue } from '../testing/dialogue.js';
import { createPlayedReceivers } from '../testing/played-receivers.js';

const { start, play, close } = createPlayedReceivers();

const begun = `
  S: 220 ...
  C: EHLO client.example
  S: ...
  S: 250 ...
  C: MAIL FROM:<a@b.example>
  S: 250 ...
  C: RCPT TO:<bob@example.org>
  S: 250 ...
`;

afterEach(close);

/** Everything known that some server takes for the end of data (CVE-2023-51764 and its like). */
const smugglers = [
  '\\n.\\n',
  '\\n.\\r\\n',
  '\\r\\n.\\n',
  '\\r.\\r',
  '\\r.\\r\\n',
  '\\r\\n.\\r',
  '\\n.\\r',
  '\\r\\n.\\r\\r\\n',
  '\\r\\r\\n.\\r\\r\\n',
  '\\r\\n\\0.\\r\\n',
  '\\r\\n.\\0\\r\\n',
];

describe('smuggling', () => {
  it.each(smugglers)('strict: %s ends nothing, the message is refused whole', async (form) => {
    const { messages } = await play(`${begun}
      C: DATA
      S: 354 ...
      C+ Subject: x\\r\\n\\r\\nhello${form}MAIL FROM:<evil@b.example>\\r\\nRCPT TO:<bob@example.org>\\r\\n
      C+ DATA\\r\\nsmuggled\\r\\n.\\r\\n
      S: 550 5...
    `);
    expect(messages).toHaveLength(0);
  });

  it.each(smugglers)('legacy: %s ends nothing, and no bare line end is left', async (form) => {
    const { messages } = await play(
      `${begun}
      C: DATA
      S: 354 ...
      C+ Subject: x\\r\\n\\r\\nhello${form}MAIL FROM:<evil@b.example>\\r\\nsmuggled\\r\\n.\\r\\n
      S: 250 ...
      C: QUIT
      S: 221 ...
    `,
      { profile: 'legacy' },
    );
    expect(messages).toHaveLength(1);
    const content = messages[0]?.content ?? '';
    expect(content).toContain('MAIL FROM:<evil@b.example>');
    expect(content.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
  });

  it('closes the connection behind a bare line end in strict', async () => {
    await play(`${begun}
      C: DATA
      S: 354 ...
      C+ a\\nb\\r\\n.\\r\\nNOOP\\r\\n
      S: 550 5.5.2 ...
      S: <closed>
    `);
  });
});

describe('limits of a message', () => {
  it('refuses one that turns out too large, at its end', async () => {
    const { messages } = await play(
      `${begun}
      C: DATA
      S: 354 ...
      C: ${'x'.repeat(2_000)}
      C: .
      S: 552 5.3.4 ...
      C: NOOP
      S: 250 ...
    `,
      { limits: { sizeBytesMax: 1_000 } },
    );
    expect(messages).toHaveLength(0);
  });

  it('keeps nothing of one that will be refused, while it still comes', async () => {
    let [written, aborted] = [0, 0];
    const writer = {
      sizeBytes: 0,
      write: (chunk: Uint8Array) => {
        written += chunk.length;
        return true;
      },
      drained: async () => {},
      finish: () => Promise.reject(new Error('it must not come so far')),
      abort: async () => void aborted++,
    };
    const receiver = await start({ policy: { body: () => writer } });
    const client = connect(receiver.port, '127.0.0.1');
    let said = '';
    client.on('data', (chunk) => (said += chunk.toString()));
    client.write('EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
    await expect.poll(() => said).toContain('354');
    client.write('a\nb\r\n');
    await expect.poll(() => aborted).toBe(1);
    client.write(`${'x'.repeat(100_000)}\r\n.\r\n`);
    await expect.poll(() => said).toContain('550 5.5.2');
    client.destroy();
    expect(written).toBeLessThan(100);
  });

  it('does not wait for the end of one that is far too large', async () => {
    const opened = await start({ limits: { sizeBytesMax: 1_000 } });
    await playDialogue(
      { port: opened.port },
      `${begun}
      C: DATA
      S: 354 ...
      C+ ${'x'.repeat(5_000_000)}
      S: 552 5.3.4 ...
      S: <closed>
    `,
    );
  });

  it('takes a line of any length', async () => {
    const { messages } = await play(`${begun}
      C: DATA
      S: 354 ...
      C:
      C: ${'x'.repeat(200_000)}
      C: .
      S: 250 ...
    `);
    expect(messages[0]?.content.length).toBe(200_004);
  });

  it('refuses a header section that is too large', async () => {
    await play(
      `${begun}
      C: DATA
      S: 354 ...
      C: Subject: ${'x'.repeat(600)}
      C: X: ${'x'.repeat(600)}
      C:
      C: .
      S: 554 5.6.0 ...
    `,
      { limits: { headerOctetsMax: 1_000 } },
    );
  });

  it('refuses before the message is sent when policy says so at DATA', async () => {
    await play(
      `${begun}
      C: DATA
      S: 550-5.7.1 not
      S: 550 5.7.1 today
      C: RCPT TO:<bob@example.org>
      S: 503 5.5.1 MAIL first
    `,
      { policy: { dataStart: () => ({ reply: { code: 550, detail: '7.1', text: ['not', 'today'] } }) } },
    );
  });
});

describe('BDAT', () => {
  it('takes chunks, pipelined, and whatever their octets look like', async () => {
    const { messages } = await play(`${begun}
      C+ BDAT 12\\r\\nSubject: x\\r\\nBDAT 9\\r\\n\\r\\n.\\r\\nQUITBDAT 0 LAST\\r\\nNOOP\\r\\n
      S: 250 ...
      S: 250 ...
      S: 250 2.0.0 ok
      S: 250 ...
    `);
    expect(messages[0]?.content).toBe('Subject: x\r\n\r\n.\r\nQUIT\r\n');
  });

  it('takes any octets of a BINARYMIME message as they are', async () => {
    const { messages } = await play(`
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<a@b.example> BODY=BINARYMIME
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
      C: DATA
      S: 503 ...
      C+ BDAT 12 LAST\\r\\n\\r\\n\\0\\xff\\n.\\n.\\r\\r\\nx
      S: 250 ...
    `);
    expect(messages[0]?.content).toBe('\r\n\0\xff\n.\n.\r\r\nx');
    expect(messages[0]?.envelope.parameters.bodyType).toBe('binarymime');
  });

  it('refuses bare line ends unless the message is binary', async () => {
    const { messages } = await play(`${begun}
      C+ BDAT 6 LAST\\r\\na\\n.\\nb\\r
      S: 550 5.5.2 ...
      S: <closed>
    `);
    expect(messages).toHaveLength(0);
  });

  it('does not wait for a chunk that is announced far too large', async () => {
    await play(
      `${begun}
      C: BDAT 5000000 LAST
      S: 552 5.3.4 ...
      S: <closed>
    `,
      { limits: { sizeBytesMax: 10 } },
    );
  });

  it('asks policy before the first chunk, and reads the octets of one that it refuses', async () => {
    const { messages } = await play(
      `${begun}
      C+ BDAT 6 LAST\\r\\nNOOP\\r\\n
      S: 550 5.7.1 not today
      C: RCPT TO:<bob@example.org>
      S: 503 ...
    `,
      { policy: { dataStart: () => ({ reply: { code: 550, detail: '7.1', text: 'not today' } }) } },
    );
    expect(messages).toHaveLength(0);
  });

  it('reads the octets of a refused chunk and never as commands', async () => {
    const { refusals } = await play(
      `${begun}
      C+ BDAT 6\\r\\nhello\\n
      S: 550 5.5.2 ...
      S: <closed>
    `,
    );
    expect(refusals).toEqual(['DATA 550']);
  });

  it('refuses chunks that are too many for the size limit, and says 503 to the rest', async () => {
    await play(
      `${begun}
      C+ BDAT 7\\r\\nhello\\r\\nBDAT 6\\r\\nNOOP\\r\\nBDAT 6 LAST\\r\\nNOOP\\r\\nRSET\\r\\n
      S: 250 ...
      S: 552 5.3.4 ...
      S: 503 5.5.1 ...
      S: 250 ...
    `,
      { limits: { sizeBytesMax: 10 } },
    );
  });

  it('refuses to mix it with DATA or further recipients', async () => {
    await play(`${begun}
      C+ BDAT 7\\r\\nhello\\r\\n
      S: 250 ...
      C: DATA
      S: 503 5.5.1 ...
      C: RCPT TO:<c@example.org>
      S: 503 5.5.1 ...
      C: BDAT x
      S: 501 ...
      S: <closed>
    `);
  });
});

describe('a client that goes away', () => {
  it('in the middle of the data leaves no message, and policy is told', async () => {
    const opened = await play(`${begun}
      C: DATA
      S: 354 ...
      C: half a message
      C: <close>
      S: <closed>
    `);
    await expect.poll(() => opened.connections).toEqual({ opened: 1, closed: 1 });
    expect(opened.messages).toHaveLength(0);
  });
});

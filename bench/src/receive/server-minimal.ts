/** A sink with no limits, no errors and no values: the runtime's ceiling, not a product. */
import { createServer } from 'node:net';
import { reportServer } from './server-process.js';

reportServer(
  createServer({ noDelay: true }, (socket) => {
    let isData = false;
    socket.write('220 bench.example ESMTP\r\n');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      let replies = '';
      for (let at = 0; at < chunk.length; ) {
        const end = isData ? chunk.indexOf('\r\n.\r\n', at) : chunk.indexOf(0x0a, at);
        if (end < 0) break;
        // D of DATA and Q of QUIT are all that it understands.
        const first = chunk[at];
        at = end + (isData ? 5 : 1);
        if (!isData && first === 0x51) {
          socket.end(`${replies}221 bye\r\n`);
          return;
        }
        replies += !isData && first === 0x44 ? '354 go\r\n' : '250 ok\r\n';
        isData = !isData && first === 0x44;
      }
      if (replies !== '') socket.write(replies, 'latin1');
    });
  }),
);

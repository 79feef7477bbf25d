import { filterContract } from '@postroad/core/testing';
import { checkRspamd } from './check-rspamd.js';

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n';

filterContract('check-rspamd', {
  use: ({ port, onError, timeoutMs }) =>
    checkRspamd({ servers: [`http://127.0.0.1:${port}`], onError, timeoutMs, lookUpName: false }),
  half: `${head}{"action": "no action", "score": 0`,
  floodHead: head,
});

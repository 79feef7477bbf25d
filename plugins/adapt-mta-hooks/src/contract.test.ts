import { filterContract } from '@postroad/core/testing';
import { adaptMtaHooks } from './adapt-mta-hooks.js';

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n';

filterContract('adapt-mta-hooks', {
  use: ({ port, onError, timeoutMs }) =>
    adaptMtaHooks({
      services: [{ url: `http://127.0.0.1:${port}`, onError, timeoutMs }],
      answerOctetsMax: 1_000_000,
    }),
  half: `${head}{"version": "1.0", "endpoints": {`,
  floodHead: head,
});

import { adaptMilter } from '@postroad/adapt-milter';
import { filterContract } from '@postroad/core/testing';
import { four, packet } from './scripted-milter.js';

filterContract('adapt-milter', {
  use: ({ port, onError, timeoutMs }) =>
    adaptMilter({
      milters: [{ servers: [`127.0.0.1:${port}`], onError, timeoutMs, endTimeoutMs: timeoutMs }],
      lookUpName: false,
    }),
  half: packet('O', four(6), four(0), four(0)).subarray(0, 10),
});

import { filterContract } from '@postroad/core/testing';
import { checkClamav } from './check-clamav.js';

filterContract('check-clamav', {
  use: ({ port, onError, timeoutMs }) => checkClamav({ servers: [`127.0.0.1:${port}`], onError, timeoutMs }),
  half: 'stream: OK',
});

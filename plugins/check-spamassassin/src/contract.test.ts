import { filterContract } from '@postroad/core/testing';
import { checkSpamassassin } from './check-spamassassin.js';

filterContract('check-spamassassin', {
  use: ({ port, onError, timeoutMs }) =>
    checkSpamassassin({ servers: [`127.0.0.1:${port}`], onError, timeoutMs, rewrite: 'message' }),
  half: 'SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\nContent-length: 500\r\n\r\nSubject: x',
  floodHead: 'SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\nContent-length: 99999999999\r\n\r\n',
});

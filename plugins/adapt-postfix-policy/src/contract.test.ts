import { filterContract } from '@postroad/core/testing';
import { adaptPostfixPolicy } from './adapt-postfix-policy.js';

filterContract('adapt-postfix-policy', {
  use: ({ port, onError, timeoutMs }) =>
    adaptPostfixPolicy({
      services: [{ servers: [`127.0.0.1:${port}`], onError, timeoutMs }],
      lookUpName: false,
    }),
  half: 'action=dunno\n',
  floodHead: 'action=',
});

/** Domains that send: their records, and messages signed with their keys. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { createDkimBodyHash, dkimAlgorithm, selectFields, signedFields, signField } from '@postroad/core';
import type { DnsZones } from '@postroad/core/testing';

const pair = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const key = createPrivateKey(pair.privateKey);

/** The address of the sender's server. */
export const senderAddress = '203.0.113.5';

/** What DNS says. Of everything else it says that it does not exist. */
export const zones: DnsZones = {
  'sender.example': { TXT: [`v=spf1 ip4:${senderAddress} -all`] },
  '_dmarc.sender.example': { TXT: ['v=DMARC1; p=reject'] },
  's._domainkey.sender.example': { TXT: [`v=DKIM1; k=rsa; p=${pair.publicKey.toString('base64')}`] },
  'mail.sender.example': { A: [senderAddress] },
  '5.113.0.203.in-addr.arpa': { PTR: ['mail.sender.example'] },
};

/** A message of the domain, signed unless it is a forged one. */
export async function messageOf(subject: string, text: string, isSigned = true): Promise<string> {
  const header =
    `From: Ann <ann@sender.example>\r\nTo: bob@example.org\r\nSubject: ${subject}\r\n` +
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}\r\n` +
    `Message-ID: <${subject.replace(/\W/g, '.')}@sender.example>\r\n`;
  const body = `${text}\r\n`;
  if (!isSigned) return `${header}\r\n${body}`;
  const hash = createDkimBodyHash('relaxed');
  hash.update(Buffer.from(body));
  const names = ['from', 'to', 'subject', 'date', 'message-id'];
  const { canonical } = selectFields(signedFields(Buffer.from(`${header}\r\n`)), names, [], 'relaxed');
  const tags = [
    ['v', '1'],
    ['a', dkimAlgorithm(key)],
    ['c', 'relaxed/relaxed'],
    ['d', 'sender.example'],
    ['s', 's'],
    ['h', names.join(':')],
    ['bh', hash.digest()],
  ] as const;
  const fieldName = 'DKIM-Signature';
  const signature = await signField({ fieldName, tags, canonical, canonicalization: 'relaxed', key });
  return `${fieldName}: ${signature}\r\n${header}\r\n${body}`;
}

/** Getting a certificate (RFC 8555). The one importer of acme-client. */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import acme from 'acme-client';
import type { Challenge } from './challenges.js';
import type { WantedCertificate } from './options.js';
import type { PemPair } from './pair.js';

/** What asking needs. */
export interface IssueOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly accountKey: Buffer;
  /** The account that the key has already, if any. */
  readonly accountUrl: string | undefined;
  /** Told of an account that was made. */
  keepAccountUrl(url: string): Promise<void>;
  readonly challenge: Challenge;
}

/** The key of an account: EC P-256, in PEM. */
export async function newAccountKey(): Promise<Buffer> {
  return await acme.crypto.createPrivateEcdsaKey('P-256');
}

/** From now on ACME servers are trusted when this CA stands behind them; it holds for the whole process. */
export async function trustAcmeCa(file: string): Promise<void> {
  acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(file) });
}

/** Proves that the names are ours and gets a certificate with a new key; rejects when the server, or a proof, fails. */
export async function issueCertificate(
  { names, challenge: kind }: WantedCertificate,
  { directoryUrl, email, accountKey, accountUrl, challenge, keepAccountUrl }: IssueOptions,
  signal: AbortSignal,
): Promise<PemPair> {
  const client = new acme.Client({
    directoryUrl,
    accountKey,
    ...(accountUrl === undefined ? {} : { accountUrl }),
  });
  if (accountUrl === undefined) {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    await keepAccountUrl(client.getAccountUrl());
  }
  const key = await acme.crypto.createPrivateEcdsaKey('P-256');
  const [, csr] = await acme.crypto.createCsr({ commonName: names[0] ?? '', altNames: [...names] }, key);
  const proofOf = (
    authorization: acme.Authorization,
    { token }: { readonly token: string },
    keyAuthorization: string,
  ) => ({
    name:
      authorization.wildcard === true
        ? `*.${authorization.identifier.value}`
        : authorization.identifier.value,
    token,
    keyAuthorization,
    async certificates() {
      const keys = [
        await acme.crypto.createPrivateEcdsaKey('P-256'),
        await acme.crypto.createPrivateRsaKey(2048),
      ];
      return await Promise.all(
        keys.map(async (proofKey) => {
          const [, proof] = await acme.crypto.createAlpnCertificate(
            authorization,
            keyAuthorization,
            proofKey,
          );
          return { key: proofKey.toString(), chain: String(proof) };
        }),
      );
    },
  });
  const chain = await client.auto({
    csr,
    termsOfServiceAgreed: true,
    // Whether it is seen from outside is for the server to say: from here the way is another one.
    skipChallengeVerification: true,
    challengePriority: [kind],
    challengeCreateFn: async (authorization, asked, keyAuthorization) => {
      signal.throwIfAborted();
      if (asked.type !== kind) throw new Error(`the server does not offer ${kind}`);
      await challenge.add(proofOf(authorization, asked, keyAuthorization), signal);
    },
    challengeRemoveFn: (authorization, asked, keyAuthorization) =>
      challenge.remove(proofOf(authorization, asked, keyAuthorization)),
  });
  return { key: key.toString(), chain };
}

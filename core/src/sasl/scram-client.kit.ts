/** The client's side of SCRAM, for tests: written from RFC 5802 section 3, apart from the server's code. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** What a client knows. */
export interface ScramClientOptions {
  readonly hash: 'sha256' | 'sha1';
  readonly login: string;
  readonly password: string;
  readonly nonce: string;
  /** The GS2 header; `n,,` by default. */
  readonly header?: string;
  readonly binding?: Uint8Array;
}

/** The messages of one login. */
export interface ScramClient {
  readonly first: string;
  /** The answer to the server's first message, and the signature that the server must show. */
  final(serverFirst: string): { readonly message: string; readonly signature: string };
}

/** Makes one. */
export function scramClient(options: ScramClientOptions): ScramClient {
  const { hash, login, password, nonce, header = 'n,,', binding = Buffer.alloc(0) } = options;
  const hmac = (key: Uint8Array, text: string) => createHmac(hash, key).update(text).digest();
  const bare = `n=${login.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  return {
    first: header + bare,
    final(serverFirst) {
      const [, all = '', salt = '', iterations = ''] =
        /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
      const length = hash === 'sha1' ? 20 : 32;
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), length, hash);
      const clientKey = hmac(salted, 'Client Key');
      const storedKey = createHash(hash).update(clientKey).digest();
      const bound = Buffer.concat([Buffer.from(header), binding]).toString('base64');
      const withoutProof = `c=${bound},r=${all}`;
      const message = `${bare},${serverFirst},${withoutProof}`;
      const signature = hmac(storedKey, message);
      const proof = Buffer.from(clientKey.map((octet, at) => octet ^ (signature[at] as number)));
      return {
        message: `${withoutProof},p=${proof.toString('base64')}`,
        signature: `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`,
      };
    },
  };
}

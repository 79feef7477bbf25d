/** Proofs of names for an ACME server on a port that serves something else (TLS-ALPN-01, RFC 8737). */
import type { SecureContext, TLSSocket, TLSSocketOptions } from 'node:tls';

const protocolOfProofs = 'acme-tls/1';

/** For one handshake. */
export interface ProofAnswer {
  /** What chooses the protocol. */
  readonly options: Pick<TLSSocketOptions, 'ALPNCallback'>;
  /** The proof that was asked for, when one was. */
  chosen(): SecureContext | undefined;
}

/**
 * Answers who asks for a proof. Others go on as always: clients that offer protocols get the one of the port, or, on a
 * port of mail, whatever they named first, because nobody must be turned away for what is not looked at otherwise.
 */
export function answerProofs(
  proof: (serverName: string) => readonly SecureContext[],
  protocol: string,
  socket: () => TLSSocket,
): ProofAnswer {
  let chosen: readonly SecureContext[] = [];
  const find = (name: string) => {
    try {
      return proof(name);
    } catch {
      return []; // A proof that can't be read proves nothing; the ACME server says so to who asked for it.
    }
  };
  const usual = protocol === 'http' ? 'http/1.1' : protocol;
  return {
    options: {
      ALPNCallback({ servername, protocols }) {
        if (protocols.includes(protocolOfProofs)) {
          chosen = typeof servername === 'string' ? find(servername.toLowerCase()) : [];
          if (chosen.length === 0) return undefined;
          // The certificate of the name was chosen before the protocol.
          for (const context of chosen) socket().setKeyCert(context);
          return protocolOfProofs;
        }
        if (protocols.includes(usual)) return usual;
        return protocol === 'http' ? undefined : protocols[0];
      },
    },
    chosen: () => chosen[0],
  };
}

/** Whether this connection was one: it ends with its handshake. */
export function isProof({ alpnProtocol }: TLSSocket): boolean {
  return alpnProtocol === protocolOfProofs;
}

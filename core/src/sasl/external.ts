/** EXTERNAL (RFC 4422 appendix A): the client has shown its certificate in the TLS handshake. */
import type { ClientCertificate } from '../values/identity.js';
import { textOfOctets } from './base64.js';
import { type Mechanism, malformed, nothing } from './mechanism.js';

/** EXTERNAL with this certificate. */
export function external(certificate: ClientCertificate): Mechanism {
  return {
    greeting: nothing,
    step(response) {
      // The response is the authorization id, or nothing: whoever the certificate says.
      const authorizationId = textOfOctets(response);
      if (authorizationId === undefined || authorizationId.includes('\0')) return malformed;
      const common = { mechanism: 'EXTERNAL', login: '', authorizationId };
      return { status: 'credentials', credentials: { kind: 'certificate', certificate, ...common } };
    },
  };
}

/** How SCRAM prepares a password before it hashes it. The one importer of @mongodb-js/saslprep. */

/** SASLprep (RFC 4013), or NFC (RFC 8265 section 4.2.1) for what Unicode has got since; `undefined` for what can't be one. */
export async function prepareScramPassword(password: string): Promise<string | undefined> {
  // Loaded when it is needed: its tables are large, and most servers have no SCRAM keys.
  const { saslprep } = await import('@mongodb-js/saslprep');
  const normalised = password.normalize('NFC');
  if (normalised === '' || normalised.includes('\0')) return undefined;
  try {
    const prepared = saslprep(password);
    return prepared === '' ? undefined : prepared;
  } catch (error) {
    if (error instanceof Error) return normalised;
    throw error;
  }
}

/** The bounds of `parseStructure`. */

/** What bounds the parser. What lies beyond a limit is an opaque leaf of type application/octet-stream. */
export const structureLimits = {
  /** Entities inside each other. */
  depth: 100,
  /** Entities of a message. */
  parts: 1_000,
  /** Octets read of one header section. */
  headerOctets: 1_048_576,
  /** Octets read of all header sections of a message. */
  headerOctetsInAll: 4_194_304,
} as const;

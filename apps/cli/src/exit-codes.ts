/** What the command ends with; documented in docs/reference/cli.md. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  /** Revoked, and a verifier may still allow it. */
  pending: 3,
  /** The log and what was compared with it are not the same. */
  difference: 4,
  /** Ctrl-C while it was doing something; it is how a watch ends, and well then. */
  interrupted: 130,
} as const;

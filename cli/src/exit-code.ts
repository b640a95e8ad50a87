/** What the process ends with; `docs/cli.md` tells operators. */
export const EXIT = {
  /** All is well. */
  ok: 0,
  /** The command did its work, and something is not well. */
  notWell: 1,
  /** Wrong arguments, or a Region that is not set. */
  usage: 2,
  /** No credentials, expired ones, or a permission is missing. */
  notAllowed: 3,
  /** AWS, the broker or the local run does not answer. */
  notReachable: 4,
  /** There is no such stage, secret or queue. */
  notFound: 5,
  /** A fault of the command line itself. */
  fault: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Errors that cross a module border, and the exit statuses they end in. */

export const EXIT = { yes: 0, no: 1, usage: 2, inconclusive: 3, cannotRun: 4, defect: 70 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Every code has a heading in docs/errors.md; the unit tests hold the two together. */
export const ERROR_CODES = {
  USAGE: EXIT.usage,
  CONTRADICTORY_OPTIONS: EXIT.usage,
  BAD_FILTER: EXIT.usage,
  BAD_PROGRAM: EXIT.usage,
  BAD_CAPTURE: EXIT.usage,
  BAD_NIC: EXIT.usage,
  BAD_CONFIGURATION: EXIT.usage,
  OUTPUT_UNWRITABLE: EXIT.usage,
  NO_PRIVILEGE: EXIT.cannotRun,
  NO_PROC: EXIT.cannotRun,
  NO_PACKET_DIAG: EXIT.cannotRun,
  NO_USER_NAMESPACE: EXIT.cannotRun,
  NO_SUCH_INTERFACE: EXIT.cannotRun,
  INTERFACE_DOWN: EXIT.cannotRun,
  INTERFACE_UNSUITABLE: EXIT.cannotRun,
  GROUP_TAKEN: EXIT.cannotRun,
  GROUP_REFUSED: EXIT.cannotRun,
  DEFRAG_UNSAFE: EXIT.cannotRun,
  PROGRAM_REFUSED: EXIT.cannotRun,
  RING_REFUSED: EXIT.cannotRun,
  TOO_LARGE: EXIT.cannotRun,
  TOOL_MISSING: EXIT.cannotRun,
  LAB_FAILED: EXIT.cannotRun,
  WORKER_FAILED: EXIT.cannotRun,
  INTERRUPTED: EXIT.cannotRun,
  ADDON_MISSING: EXIT.cannotRun,
} as const satisfies Record<string, ExitStatus>;

export type ErrorCode = keyof typeof ERROR_CODES;

export class FanoutError extends Error {
  override readonly name = 'FanoutError';
  readonly code: ErrorCode;
  readonly remedy: string;

  /**
   * @param message what happened and where, with the facts
   * @param remedy what the reader can do about it
   */
  constructor(code: ErrorCode, message: string, remedy: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }

  get exitStatus(): ExitStatus {
    return ERROR_CODES[this.code];
  }
}

/** @param when such as "before anything could be judged" */
export function interrupted(when: string, cause?: unknown): FanoutError {
  return new FanoutError('INTERRUPTED', `ended by a signal ${when}`, 'start again, and let it end by itself', { cause });
}

/** Of what another program said: the rest is usage, or repeats it. */
export function firstLineOf(said: string | undefined): string {
  return (said ?? '').trim().split('\n', 1)[0] ?? '';
}

/** Ends a switch over a closed union: a new case that is not handled does not compile. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`);
}

/** What the native addon throws when a system call fails. */
export interface SystemCallError extends Error {
  /** As its man page spells it. */
  readonly call: string;
  /** Positive, as in errno.h. */
  readonly errno: number;
}

export function isSystemCallError(error: unknown): error is SystemCallError {
  return error instanceof Error && 'call' in error && typeof error.call === 'string' && 'errno' in error && typeof error.errno === 'number';
}

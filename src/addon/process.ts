/** This process: what replaces it, how it ends, who may look into it, and its clock. */

export interface ExecOptions {
  /** Looked up in PATH if it has no slash. */
  readonly file: string;
  readonly argv: readonly string[];
  /** "NAME=value". */
  readonly env: readonly string[];
  /** Move into a new network namespace first. */
  readonly newNetwork?: boolean;
  /** What comes then has no capability, and gains none by starting other programs. */
  readonly surrender?: boolean;
  /** Descriptors that stay open, beside the standard streams. */
  readonly keep?: readonly number[];
}

export interface ProcessAddon {
  /** Replaces this process. Comes back only to throw. */
  exec(options: ExecOptions): never;
  /** A file that may be executed and not read: a process that it starts is hidden from its first instruction on. */
  unreadableProgram(): { readonly descriptor: number; readonly isLoader: boolean };
  /** Other processes of the same user can neither trace this one nor take its descriptors. */
  hideFromUser(): void;
  peerCredentials(fd: number): { readonly pid: number; readonly uid: number; readonly gid: number };
  /** Asks the kernel for this signal when the parent ends; it replaces the one asked for before. False if `parent` is not the parent any more. */
  signalAtParentsEnd(signal: number, parent: number): boolean;
  /** Ends the process at once: no exit handlers, no teardown. */
  exitNow(status: number): never;
  realtimeNs(): bigint;
}

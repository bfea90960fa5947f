/** Processes that keep one right each, for what this one may do no more. */
import type { Ids } from './privileges.ts';

/** Takes a link down and up again, with the one capability that it kept. */
export interface LinkHelper {
  /** To be kept when this program is replaced by itself. */
  readonly channel: number;
  flap(): void;
}

/** A process that writes one file with rights that this one has no more. It leaves nothing where its channel is closed before it has all. */
export interface FileHelper {
  /** To it: a length in eight bytes, in this machine's order, and the content. From it: 0 or an errno, in four. The caller owns it. */
  readonly channel: number;
  readonly pid: number;
}

export interface HelperAddon {
  readonly LinkHelper: new (options: ({ readonly interface: string } & Partial<Ids>) | { readonly channel: number }) => LinkHelper;
  /** `temporary` and `target` are names in the directory, which is a descriptor. */
  startFileHelper(
    order: { readonly directory: number; readonly temporary: string; readonly target: string; readonly mode: number } & Ids,
  ): FileHelper;
  /** A file without a name gets that of `target`, in place of what has it; meanwhile it may have that of `temporary`. Both are paths. */
  nameFile(file: number, temporary: string, target: string): void;
}

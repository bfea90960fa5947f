/** A multi-queue TAP of the lab. */

/** A multi-queue TAP, which lives as long as this object and the injectors that use it. */
export interface Tap {
  readonly name: string | undefined;
  readonly queues: number;
  /** Queue by queue; they are the object's own. */
  readonly descriptors: readonly number[];
  /** The interface receives the frame on this queue. False if the kernel had no room just now. */
  write(queue: number, frame: Uint8Array): boolean;
  /** A frame that the kernel sent out of the interface on this queue, if there is one. */
  read(queue: number): Uint8Array | null;
  close(): void;
}

export interface TapAddon {
  /** By `descriptors` one that was opened before this program was replaced by itself. */
  readonly Tap: new (
    options: { readonly name: string; readonly queues?: number } | { readonly descriptors: readonly number[] },
  ) => Tap;
}

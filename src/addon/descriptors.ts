/** Descriptors: what they are given for, who inherits them, and their way between processes. */

/** Failures throw Errors with `call` and `errno`. */
export interface DescriptorsAddon {
  /** Two ends of a connection for frames. The caller owns both, as everything that follows. */
  streamPair(): readonly [ours: number, theirs: number];
  /** Two ends of a connection for descriptors. */
  messagePair(): readonly [ours: number, theirs: number];
  /** @param place the number that both ends know it by; the sender keeps its own */
  sendDescriptor(channel: number, place: number, descriptor: number): void;
  /** Never waits: EAGAIN where none has come. */
  receiveDescriptor(channel: number): { readonly place: number; readonly descriptor: number };
  /** The descriptor gets the number `place`, whatever had it before. */
  putInPlace(descriptor: number, place: number): void;
  /** No program that this one starts inherits them, unless it is given them. */
  closeOnExec(descriptors: readonly number[]): void;
  /** A descriptor of a file without a name, with this content for ever. */
  sealedMemoryFile(name: string, content: Uint8Array): number;
  /** Closes what this process was started with, but for the standard streams and `kept`, which nobody inherits any more. */
  closeInherited(kept: readonly number[]): void;
}

/** Messages of the protocol. */

export interface MessageAddon {
  encodeMessage(message: readonly unknown[]): Buffer;
  /** undefined where the bytes are not one message. */
  decodeMessage(bytes: Uint8Array): unknown;
}

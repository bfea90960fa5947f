/** Frames on the Unix socket: a 4-byte big-endian length, then that many bytes of one message. */

export const FRAME_HEADER_BYTES = 4;
/** No message is longer: the worker's buffers hold 64 KiB, control messages far less. */
export const FRAME_BYTES_MAX = 64 * 1024;

export function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
  out.writeUInt32BE(message.length, 0);
  out.set(message, FRAME_HEADER_BYTES);
  return out;
}

/** Raised for a length that no honest peer sends; carries what the peer said. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/**
 * Cuts a byte stream into messages. Holds at most one unfinished frame; messages inside one chunk are views into it, valid until the
 * next push.
 */
export class Deframer {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * Calls `onMessage` for each message that `chunk` completes. Throws FrameError on an empty or too long frame, and from then on: there is
   * no way back into step. No message is delivered twice, not even if `onMessage` throws.
   */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let offset = 0;
    try {
      while (data.length - offset >= FRAME_HEADER_BYTES) {
        const length = data.readUInt32BE(offset);
        if (length === 0 || length > FRAME_BYTES_MAX)
          throw new FrameError(`frame of ${length} bytes (1 to ${FRAME_BYTES_MAX} are allowed)`);
        const start = offset + FRAME_HEADER_BYTES;
        if (start + length > data.length) break;
        offset = start + length;
        onMessage(data.subarray(start, offset));
      }
    } finally {
      this.#rest = offset === data.length ? Buffer.alloc(0) : data.subarray(offset);
    }
  }
}

/** Where the collector listens for the members of one of its groups. */
export function socketPathOf(directory: string, group: number): string {
  return `${directory}/${group}.sock`;
}

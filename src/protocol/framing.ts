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

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Cuts a byte stream into messages. Messages are views, valid until the next push: of the chunk where all of a message is in one, else of
 * a store that holds at most one unfinished message. What comes in pieces is copied there once, however small the pieces are.
 */
export class Deframer {
  /** Of the length that announces a message, as far as it has come. */
  #lengthBytes = 0;
  #length = 0;
  #store = NOTHING;
  #stored = 0;
  /** What was left when `onMessage` threw. */
  #unread = NOTHING;
  #error: FrameError | undefined;

  /**
   * Calls `onMessage` for each message that `chunk` completes. Throws FrameError on an empty or too long frame, and from then on: there is
   * no way back into step. No message is delivered twice, not even if `onMessage` throws.
   */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    if (this.#error !== undefined) throw this.#error;
    const data = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#unread = NOTHING;
    for (let offset = 0; ; ) {
      offset += this.#takeLength(data, offset);
      if (this.#lengthBytes < FRAME_HEADER_BYTES) return;
      const end = offset + this.#length - this.#stored;
      if (end > data.length) {
        this.#keep(data.subarray(offset));
        return;
      }
      const message = this.#completed(data.subarray(offset, end));
      offset = end;
      try {
        onMessage(message);
      } catch (error) {
        this.#unread = data.subarray(offset);
        throw error;
      }
    }
  }

  /** How many bytes from `offset` on belong to the length. */
  #takeLength(data: Buffer, offset: number): number {
    const count = Math.min(FRAME_HEADER_BYTES - this.#lengthBytes, data.length - offset);
    if (count === 0) return 0;
    this.#length = this.#length * 256 ** count + data.readUIntBE(offset, count);
    this.#lengthBytes += count;
    if (this.#lengthBytes === FRAME_HEADER_BYTES && (this.#length === 0 || this.#length > FRAME_BYTES_MAX)) {
      this.#error = new FrameError(`frame of ${this.#length} bytes (1 to ${FRAME_BYTES_MAX} are allowed)`);
      throw this.#error;
    }
    return count;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    // Only where a message begins, so nothing in it is lost.
    if (this.#store.length < this.#length) this.#store = Buffer.allocUnsafeSlow(this.#length);
    this.#stored += piece.copy(this.#store, this.#stored);
  }

  #completed(piece: Buffer): Buffer {
    const isWhole = this.#stored === 0;
    if (!isWhole) this.#keep(piece);
    const message = isWhole ? piece : this.#store.subarray(0, this.#length);
    [this.#lengthBytes, this.#length, this.#stored] = [0, 0, 0];
    return message;
  }
}

/** What a worker tells on its connection: bytes in, messages out. */
import { decodeWorkerMessage } from './codec.ts';
import { Deframer, FrameError } from './framing.ts';
import { isObservations, type WorkerMessage } from './schema.ts';
import { MalformedMessage } from './values.ts';

/** Observations stay in the form in which the flow map takes them, and are checked there. The bytes are valid until the next push. */
export type WorkerWord = WorkerMessage | { readonly kind: 'observations'; readonly bytes: Buffer };

export class WorkerStream {
  readonly #deframer = new Deframer();
  readonly #onWord: (word: WorkerWord) => void;

  constructor(onWord: (word: WorkerWord) => void) {
    this.#onWord = onWord;
  }

  /** Throws MalformedMessage where the bytes are no message, or `onWord` does. */
  push(chunk: Buffer): void {
    try {
      this.#deframer.push(chunk, (bytes) =>
        this.#onWord(isObservations(bytes) ? { kind: 'observations', bytes } : decodeWorkerMessage(bytes)),
      );
    } catch (cause) {
      if (!(cause instanceof FrameError)) throw cause;
      throw new MalformedMessage(cause.message, { cause });
    }
  }
}

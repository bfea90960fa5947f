/** The bytes of a capture file, from a file or from standard input, and decompressed. */
import { closeSync, openSync, read as readInto, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { FanoutError } from '../errors.ts';
import type { ReadFault } from '../model/capture-file.ts';
import type { CaptureUse } from './use.ts';

/** Large enough to cost little per byte, small enough not to keep the process from anything else. */
const PIECE_BYTES = 256 * 1024;

export interface CaptureInput {
  /** As typed; "-" is standard input. */
  readonly path: string;
  /** From the beginning; standard input once only. */
  read(): CaptureReader;
  close(): Promise<void>;
}

export interface CaptureReader {
  /** The next piece, which the one after it overwrites; nothing at the end, whatever the reason for it. */
  next(): Promise<Uint8Array | undefined>;
  /** Why it ended before the file did. */
  readonly fault: ReadFault | undefined;
  /** A next() that is waiting ends with nothing. */
  close(): void;
}

export type StandardInput = Readable & { readonly isTTY?: boolean };

/** A file is open before this returns for the first time: with the rights that the caller has at that moment. */
export async function openCaptureInput(path: string, standardInput: () => StandardInput, use: CaptureUse): Promise<CaptureInput> {
  return path === '-' ? fromStandardInput(standardInput(), use) : fromFile(path, use);
}

/** How a message calls it. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

function fromStandardInput(input: StandardInput, { option, command }: CaptureUse): CaptureInput {
  if (input.isTTY === true)
    throw new FanoutError('BAD_CAPTURE', `${option} -: standard input is a terminal`, `pipe a capture into it: ... | ${command} -`);
  const close = (): void => void input.destroy();
  return {
    path: '-',
    read: () =>
      readerOf(
        decompressed(() => input),
        close,
      ),
    close: async () => close(),
  };
}

function fromFile(path: string, use: CaptureUse): CaptureInput {
  const file = openRegular(path, use);
  return {
    path,
    read: () =>
      readerOf(
        decompressed(() => piecesOf(file), true),
        () => {},
      ),
    close: async () => closeSync(file),
  };
}

function openRegular(path: string, { option, command }: CaptureUse): number {
  const badCapture = (message: string, remedy: string, cause?: unknown): FanoutError =>
    new FanoutError('BAD_CAPTURE', `${option}: ${message}`, remedy, { cause });
  try {
    // Asked before it is opened: opening a pipe waits for somebody who writes.
    const facts = statSync(path);
    if (facts.isDirectory()) throw badCapture(`${path} is a directory`, 'name one capture file; mergecap(1) makes one of several');
    if (!facts.isFile()) throw badCapture(`${path} is not a regular file`, `pipe it in: ... | ${command} -`);
    return openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof FanoutError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badCapture(`cannot open ${path}: ${why}`, 'name a readable capture file, or - for standard input', cause);
  }
}

const read = promisify(readInto);

async function* piecesOf(file: number): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await read(file, buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function readerOf(pieces: AsyncIterator<Uint8Array>, closeSource: () => void): CaptureReader {
  let fault: ReadFault | undefined;
  let isClosed = false;
  return {
    async next() {
      try {
        const piece = await pieces.next();
        return piece.done === true ? undefined : piece.value;
      } catch (error) {
        // Closing it makes it fail, too.
        if (!isClosed) fault = faultOf(error);
        return undefined;
      }
    },
    get fault() {
      return fault;
    },
    close() {
      isClosed = true;
      closeSource();
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function faultOf(error: unknown): ReadFault {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'Z_BUF_ERROR') return { kind: 'gzip-ends-early' };
  return { kind: code.startsWith('Z_') ? 'gzip-damaged' : 'read-failed', message };
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;

type Pieces = AsyncIterable<Uint8Array>;

/** `open` begins at the start, and may be called again only if `canReopen`. */
async function* decompressed(open: () => Pieces, canReopen = false): AsyncGenerator<Uint8Array, void> {
  const pieces = open()[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  // A pipe may deliver a single byte.
  while (start.length < GZIP_MAGIC.length) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    start = start.length === 0 ? piece.value : Buffer.concat([start, piece.value]);
  }
  const all = startingWith(start, pieces);
  if (!GZIP_MAGIC.every((byte, at) => start[at] === byte)) yield* all;
  else if (canReopen) yield* inflatedToTheByte(all, open);
  else yield* inflated(all, () => PIPE_WRITE_BYTES);
}

async function* startingWith(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  if (start.length > 0) yield start;
  for (let piece = await rest.next(); piece.done !== true; piece = await rest.next()) yield piece.value;
}

/** How far a decompression is: compressed bytes that went in without an error. */
interface Progress {
  accepted: number;
}

/**
 * When a write fails, zlib's stream throws away what it had made of it so far. To have that too, the same is done once more, and
 * from there byte by byte.
 */
async function* inflatedToTheByte(pieces: Pieces, reopen: () => Pieces): AsyncGenerator<Uint8Array, void> {
  const progress: Progress = { accepted: 0 };
  let delivered = 0;
  try {
    for await (const bytes of inflated(pieces, () => FILE_WRITE_BYTES, progress)) {
      delivered += bytes.length;
      yield bytes;
    }
  } catch (error) {
    if (codeOf(error) !== 'Z_DATA_ERROR') throw error;
    let skip = delivered;
    for await (const bytes of inflated(reopen(), (accepted) => (accepted < progress.accepted ? FILE_WRITE_BYTES : 1))) {
      if (bytes.length > skip) yield bytes.subarray(skip);
      skip = Math.max(0, skip - bytes.length);
    }
  }
}

/** What one write of compressed bytes costs is the way to another thread and back. */
const FILE_WRITE_BYTES = 16 * 1024;
/** What a pipe has said cannot be asked for again: less is lost by a write that fails. */
const PIPE_WRITE_BYTES = 1024;

/**
 * Everything is read out before more is written, and before the end is told: a stream that fails throws away what it still holds,
 * and what came before the damage is to count.
 */
async function* inflated(
  pieces: Pieces,
  writeBytes: (accepted: number) => number,
  progress: Progress = { accepted: 0 },
): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  let wake = (): void => {};
  let failure: Error | undefined;
  let hasEnded = false;
  gunzip.on('readable', () => wake());
  gunzip.on('error', (error) => {
    failure = error;
    wake();
  });
  gunzip.on('end', () => {
    hasEnded = true;
    wake();
  });
  async function* untilTrue(isDone: () => boolean): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk: Uint8Array | null = gunzip.read();
      if (chunk !== null) yield chunk;
      else if (failure !== undefined) throw failure;
      else if (isDone()) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const written = piece.subarray(at, at + writeBytes(progress.accepted));
        let isTaken = false;
        gunzip.write(written, () => {
          isTaken = true;
          wake();
        });
        yield* untilTrue(() => isTaken);
        at += written.length;
        progress.accepted += written.length;
      }
    }
    gunzip.end();
    yield* untilTrue(() => hasEnded);
  } finally {
    gunzip.destroy();
  }
}

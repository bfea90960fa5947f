import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Deframer, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FrameError, frame } from '../../../src/protocol/framing.ts';

function messagesOf(chunks: readonly Buffer[]): string[] {
  const deframer = new Deframer();
  const messages: string[] = [];
  // Messages are views that live until the next push: copied here as a user must.
  for (const chunk of chunks) deframer.push(chunk, (message) => messages.push(message.toString('hex')));
  return messages;
}

/** `stream` in pieces that end at each of `cuts`. */
function split(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set([...cuts.map((cut) => cut % (stream.length + 1)), stream.length])].sort((a, b) => a - b);
  return ends.map((end, i) => Buffer.from(stream.subarray(ends[i - 1] ?? 0, end)));
}

function lengthOnly(length: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(length, 0);
  return header;
}

describe('Deframer', () => {
  test('gives the same messages however the stream is split', () => {
    const message = fc.uint8Array({ minLength: 1, maxLength: 80, size: 'max' });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.nat(2000), { maxLength: 40 }), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(frame));
        expect(messagesOf(split(stream, cuts))).toEqual(messages.map((m) => Buffer.from(m).toString('hex')));
      }),
      { numRuns: 500 },
    );
  });

  test('puts together what comes byte by byte', () => {
    const stream = Buffer.concat([frame(Buffer.from('first')), frame(Buffer.from('second'))]);
    const bytes = [...stream].map((byte) => Buffer.from([byte]));
    expect(messagesOf(bytes)).toEqual([Buffer.from('first').toString('hex'), Buffer.from('second').toString('hex')]);
  });

  test('delivers the longest frame that is allowed', () => {
    const longest = Buffer.alloc(FRAME_BYTES_MAX, 7);
    expect(messagesOf(split(frame(longest), [1, 4, 5, 40_000]))).toEqual([longest.toString('hex')]);
  });

  test.each([0, FRAME_BYTES_MAX + 1, 0x7fffffff, 0xffffffff])('refuses a frame of %i bytes as soon as its length is known', (length) => {
    const deframer = new Deframer();
    expect(() => deframer.push(lengthOnly(length), () => expect.unreachable('no message is complete'))).toThrow(FrameError);
  });

  test('delivers what came before a hostile length, and nothing of it twice', () => {
    const deframer = new Deframer();
    const messages: string[] = [];
    const push = (chunk: Buffer) => deframer.push(chunk, (message) => messages.push(message.toString()));
    const [start, end] = split(frame(Buffer.from('good')), [6]);
    if (start === undefined || end === undefined) return expect.unreachable('the frame was cut in two');
    push(start);
    expect(() => push(Buffer.concat([end, lengthOnly(0)]))).toThrow(FrameError);
    // There is no way back into step: whatever follows is refused as well.
    expect(() => push(frame(Buffer.from('later')))).toThrow(FrameError);
    expect(messages).toEqual(['good']);
  });

  test('a message whose handling fails is not delivered again', () => {
    const deframer = new Deframer();
    const messages: string[] = [];
    const stream = Buffer.concat([frame(Buffer.from('bad')), frame(Buffer.from('next'))]);
    expect(() =>
      deframer.push(stream, (message) => {
        messages.push(message.toString());
        throw new RangeError('not this one');
      }),
    ).toThrow(RangeError);
    deframer.push(Buffer.alloc(0), (message) => messages.push(message.toString()));
    expect(messages).toEqual(['bad', 'next']);
  });

  test('never calls back with more than arrived, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 10 }), (chunks) => {
        const deframer = new Deframer();
        let delivered = 0;
        try {
          for (const chunk of chunks) deframer.push(Buffer.from(chunk), (message) => (delivered += FRAME_HEADER_BYTES + message.length));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
        expect(delivered).toBeLessThanOrEqual(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      }),
    );
  });
});

describe('what it costs', () => {
  afterEach(() => vi.restoreAllMocks());

  /** By the means that buffers have for it. */
  function watchCopies(): () => number {
    const concat = vi.spyOn(Buffer, 'concat');
    const copy = vi.spyOn(Buffer.prototype, 'copy');
    const set = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, 'set');
    return () =>
      [
        ...concat.mock.results.map(({ value }) => (value as Buffer).length),
        ...copy.mock.results.map(({ value }) => value as number),
        ...set.mock.calls.map(([from]) => from.length),
      ].reduce((sum, bytes) => sum + bytes, 0);
  }

  test.each([1, 2, 3, 7, 1000])('in pieces of %i bytes each byte is copied once, into one store for all messages', (size) => {
    const stream = Buffer.concat([1, 2, 3].map((fill) => frame(Buffer.alloc(FRAME_BYTES_MAX, fill))));
    const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.subarray(i * size, (i + 1) * size));
    const stores = new Set<ArrayBufferLike>();
    const deframer = new Deframer();
    const bytesCopied = watchCopies();
    for (const piece of pieces) deframer.push(piece, ({ buffer }) => stores.add(buffer));
    expect(bytesCopied()).toBe(3 * FRAME_BYTES_MAX);
    expect([...stores].map(({ byteLength }) => byteLength)).toEqual([FRAME_BYTES_MAX]);
  });

  test('of messages that are whole nothing is copied', () => {
    const chunk = Buffer.concat([1, 50, FRAME_BYTES_MAX].map((length) => frame(Buffer.alloc(length, 7))));
    const deframer = new Deframer();
    const bytesCopied = watchCopies();
    const buffers: ArrayBufferLike[] = [];
    deframer.push(chunk, ({ buffer }) => buffers.push(buffer));
    expect(bytesCopied()).toBe(0);
    expect(buffers.map((buffer) => buffer === chunk.buffer)).toEqual([true, true, true]);
  });

  test('what a length only announces is not allocated', () => {
    const alloc = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const deframer = new Deframer();
    deframer.push(lengthOnly(FRAME_BYTES_MAX), () => expect.unreachable('no message is complete'));
    expect(alloc).not.toHaveBeenCalled();
    deframer.push(Buffer.of(1), () => expect.unreachable('no message is complete'));
    expect(alloc.mock.calls).toEqual([[FRAME_BYTES_MAX]]);
  });
});

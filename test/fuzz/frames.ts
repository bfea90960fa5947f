/** Any bytes as what a worker sends: the same messages however they come, and of each a value or a MalformedMessage. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { native } from '../../src/addon/native.ts';
import { decodeWorkerMessage, encodeFrame } from '../../src/protocol/codec.ts';
import { Deframer, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FrameError, frame } from '../../src/protocol/framing.ts';
import { isPlainMessage } from '../../src/protocol/plain.ts';
import { isObservations, packCollectorMessage, packWorkerMessage, parseCollectorMessage } from '../../src/protocol/schema.ts';
import { MalformedMessage } from '../../src/protocol/values.ts';
import { collectorMessage, observation, workerMessage } from '../helpers/messages.ts';
import type { FuzzTarget } from './target.ts';

/** How many bytes come at a time, in turns; 0: all that is left. */
const SIZES = 4;
const MEMBERS = 3;
const flowMap = new native.FlowMap({ members: MEMBERS, flowsMax: 64, hashSeed: 1n });

const message = fc.oneof(
  workerMessage.map((m) => native.encodeMessage(packWorkerMessage(m))),
  collectorMessage.map((m) => native.encodeMessage(packCollectorMessage(m))),
  fc
    .tuple(fc.nat(MEMBERS), fc.nat(2), fc.array(observation, { maxLength: 4 }))
    .map(([member, epoch, list]) => native.encodeObservations(member, epoch, list)),
);
const TYPE_BYTES = [
  0, 0x7f, 0x80, 0x90, 0x9f, 0xa0, 0xc0, 0xc1, 0xc4, 0xc6, 0xca, 0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xff,
];
const edit = fc.record({
  at: fc.nat(),
  length: fc.nat(3),
  put: fc.oneof(
    fc.constantFrom(...TYPE_BYTES).map((byte) => [byte]),
    fc.array(fc.nat(255), { maxLength: 5 }),
  ),
});
const damaged = (bytes: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(bytes, fc.oneof(fc.constant([]), fc.array(edit, { minLength: 1, maxLength: 3 }))).map(([whole, edits]) =>
    edits.reduce((out: Uint8Array, { at, length, put }) => {
      const from = at % (out.length + 1);
      return Buffer.concat([out.subarray(0, from), Uint8Array.from(put), out.subarray(from + length)]);
    }, whole),
  );
// Mistakes inside a message, which its frame then announces, and mistakes of the frame.
const stream = damaged(
  fc
    .array(
      damaged(message).map((bytes) => (bytes.length === 0 ? Buffer.alloc(1) : frame(bytes))),
      { maxLength: 5 },
    )
    .map((list) => Buffer.concat(list)),
);
const sizes = fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: SIZES, maxLength: SIZES });

export const frames: FuzzTarget = {
  name: 'frames',
  covers: ['src/protocol/**'],
  words: TYPE_BYTES.map((byte) => String.fromCharCode(byte)),
  inputs: fc.tuple(sizes, stream).map(([cut, bytes]) => Buffer.concat([Uint8Array.from(cut), bytes])),
  run: (input) => {
    const [cut, bytes] = [input.subarray(0, SIZES), Buffer.from(input.subarray(SIZES))];
    const whole = received([bytes]);
    assert.deepEqual(received(piecesOf(bytes, cut)), whole);
    const length = whole.messages.reduce((sum, m) => sum + FRAME_HEADER_BYTES + m.length, 0);
    assert(length <= bytes.length, 'no message is made up');
    for (const one of whole.messages) understand(one);
  },
};

function* piecesOf(bytes: Buffer, cut: Uint8Array): Generator<Buffer> {
  for (let [at, turn] = [0, 0]; at < bytes.length; turn += 1) {
    const size = cut[turn % SIZES] || bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function received(pieces: Iterable<Buffer>): { readonly messages: readonly Buffer[]; readonly error: string } {
  const deframer = new Deframer();
  const messages: Buffer[] = [];
  try {
    for (const piece of pieces) deframer.push(piece, (view) => messages.push(Buffer.from(view)));
  } catch (error) {
    assert(error instanceof FrameError, String(error));
    return { messages, error: error.message };
  }
  return { messages, error: '' };
}

function understand(bytes: Buffer): void {
  assert(bytes.length > 0 && bytes.length <= FRAME_BYTES_MAX);
  // The two readers of msgpack agree on what is a message at all.
  const isPlain = isPlainMessage(bytes);
  const value = native.decodeMessage(bytes);
  assert.equal(value !== undefined, isPlain);
  const byCollector = orMalformed(() => decodeWorkerMessage(bytes));
  if (byCollector !== undefined) assert.deepEqual(decodeWorkerMessage(native.encodeMessage(packWorkerMessage(byCollector))), byCollector);
  const byWorker = orMalformed(() => parseCollectorMessage(value));
  if (byWorker !== undefined)
    assert.deepEqual(parseCollectorMessage(native.decodeMessage(encodeFrame(byWorker).subarray(FRAME_HEADER_BYTES))), byWorker);
  if (!isObservations(bytes)) return;
  const taken = flowMap.ingest(bytes, 1);
  assert(Number.isInteger(taken) && taken >= -1 - bytes.length && taken <= bytes.length);
}

function orMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert(error instanceof MalformedMessage && error.message.length < 400, String(error));
    return undefined;
  }
}

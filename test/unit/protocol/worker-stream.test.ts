import { expect, test } from 'vitest';
import { native } from '../../../src/addon/native.ts';
import { frame } from '../../../src/protocol/framing.ts';
import { packWorkerMessage } from '../../../src/protocol/schema.ts';
import { MalformedMessage } from '../../../src/protocol/values.ts';
import { WorkerStream, type WorkerWord } from '../../../src/protocol/worker-stream.ts';

const hello = frame(native.encodeMessage(packWorkerMessage({ kind: 'hello', version: 7, member: 1, pid: 99 })));
const observations = native.encodeObservations(1, 0, []);

function heard(...chunks: readonly Buffer[]): readonly WorkerWord[] {
  const words: WorkerWord[] = [];
  const stream = new WorkerStream((word) => words.push(word));
  for (const chunk of chunks) stream.push(chunk);
  return words;
}

test('messages are decoded, and observations are handed on as they are', () => {
  expect(heard(Buffer.concat([hello, frame(observations)]))).toEqual([
    { kind: 'hello', version: 7, member: 1, pid: 99 },
    { kind: 'observations', bytes: observations },
  ]);
});

test('in whatever pieces they come', () => {
  expect(heard(...[...hello].map((byte) => Buffer.from([byte])))).toHaveLength(1);
});

test.each([
  ['no msgpack', frame(Buffer.from([0xc1]))],
  ['a map', frame(Buffer.from([0x80]))],
  ['an unknown kind', frame(Buffer.from([0x91, 0x4d]))],
  ['an empty frame', Buffer.alloc(4)],
  ['a frame too long', Buffer.from([0x7f, 0xff, 0xff, 0xff])],
])('%s is malformed', (_, bytes) => {
  expect(() => heard(bytes)).toThrow(MalformedMessage);
});

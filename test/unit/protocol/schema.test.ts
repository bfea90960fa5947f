import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { native } from '../../../src/addon/native.ts';
import { decodeWorkerMessage, encodeFrame } from '../../../src/protocol/codec.ts';
import { FRAME_HEADER_BYTES } from '../../../src/protocol/framing.ts';
import {
  isObservations,
  KIND,
  packCollectorMessage,
  packWorkerMessage,
  parseCollectorMessage,
  parseWorkerMessage,
} from '../../../src/protocol/schema.ts';
import { MalformedMessage } from '../../../src/protocol/values.ts';
import { collectorMessage, LAYER_CODES, observation, workerMessage } from '../../helpers/messages.ts';
import { countersWith } from '../../helpers/nothing-counted.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });

/** The result, or the MalformedMessage; any other error fails the test. */
function orMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return undefined;
  }
}

const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true, withObjectString: true, maxDepth: 4 });

/** A value whose text form throws: what msgpack makes of a map with these keys. */
const unprintable = { toString: 1, valueOf: 1 };

describe('messages', () => {
  test('of workers survive packing and parsing', () => {
    fc.assert(
      fc.property(workerMessage, (message) => {
        expect(parseWorkerMessage(packWorkerMessage(message))).toEqual(message);
      }),
    );
  });

  test('of the collector survive packing and parsing', () => {
    fc.assert(
      fc.property(collectorMessage, (message) => {
        expect(parseCollectorMessage(packCollectorMessage(message))).toEqual(message);
      }),
    );
  });

  test('of workers are encoded natively and decoded by msgpackr', () => {
    fc.assert(
      fc.property(workerMessage, (message) => {
        const bytes = native.encodeMessage(packWorkerMessage(message));
        expect(isObservations(bytes)).toBe(false);
        expect(decodeWorkerMessage(bytes)).toEqual(message);
      }),
    );
  });

  test('of the collector are encoded by msgpackr and decoded natively', () => {
    fc.assert(
      fc.property(collectorMessage, (message) => {
        const bytes = encodeFrame(message).subarray(FRAME_HEADER_BYTES);
        expect(parseCollectorMessage(native.decodeMessage(bytes))).toEqual(message);
      }),
    );
  });

  test('native encoding and decoding are inverse for all types of the protocol', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0)),
        fc.bigInt({ min: 1n << 54n, max: (1n << 64n) - 1n }),
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
        fc.array(tie('value'), { maxLength: 20 }),
      ),
    }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (message) => {
        const bytes = native.encodeMessage([message]);
        expect(native.decodeMessage(bytes)).toEqual([message]);
        expect(native.decodeMessage(packr.pack([message]))).toEqual([message]);
      }),
    );
  });

  test.each([-1n, 1n << 64n])('%s, which 64 bits do not hold, is refused and not sent as another number', (value) => {
    expect(() => native.encodeMessage([value])).toThrow(TypeError);
  });

  test.each([[{}], [Symbol.iterator], [() => 1]])('%o cannot be sent', (value) => {
    expect(() => native.encodeMessage([value])).toThrow(TypeError);
  });
});

describe('parsing', () => {
  test('throws nothing but MalformedMessage, whatever the value', () => {
    const fields = fc.array(anything, { maxLength: 17 });
    const kinds = fc.constantFrom(...Object.values(KIND));
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          fc.tuple(kinds, fields).map(([kind, rest]) => [kind, ...rest]),
        ),
        (value) => {
          orMalformed(() => parseWorkerMessage(value));
          orMalformed(() => parseCollectorMessage(value));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('survives one wrong field in an otherwise right message', () => {
    const isArray = (value: unknown): value is unknown[] => Array.isArray(value);
    // Follows `path` into the nested arrays and replaces what is there.
    const replaced = (value: readonly unknown[], path: readonly number[], wrong: unknown): readonly unknown[] => {
      const [step = 0, ...rest] = path;
      const at = step % value.length;
      return value.map((field, i) =>
        i !== at ? field : isArray(field) && field.length > 0 && rest.length > 0 ? replaced(field, rest, wrong) : wrong,
      );
    };
    const path = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        workerMessage,
        collectorMessage,
        path,
        fc.oneof(anything, fc.constant(unprintable)),
        (fromWorker, fromCollector, at, wrong) => {
          orMalformed(() => parseWorkerMessage(replaced(packWorkerMessage(fromWorker), at, wrong)));
          orMalformed(() => parseCollectorMessage(replaced(packCollectorMessage(fromCollector), at, wrong)));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['an unprintable kind', [unprintable]],
    ['an unprintable count', [KIND.opened, unprintable]],
    ['a count without prototype', [KIND.opened, Object.create(null)]],
    ['an unprintable flag', [KIND.counters, countersWith({ 13: unprintable })]],
  ])('%s is malformed, and nothing worse', (_, value) => {
    expect(() => decodeWorkerMessage(packr.pack(value))).toThrow(MalformedMessage);
    expect(() => parseWorkerMessage(value)).toThrow(MalformedMessage);
  });

  test('of any bytes throws nothing but MalformedMessage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        orMalformed(() => decodeWorkerMessage(bytes));
        orMalformed(() => parseCollectorMessage(native.decodeMessage(bytes)));
      }),
      { numRuns: 3000 },
    );
  });

  test('of a message with one changed byte throws nothing but MalformedMessage', () => {
    fc.assert(
      fc.property(workerMessage, fc.nat(), fc.nat(255), (message, at, value) => {
        const bytes = native.encodeMessage(packWorkerMessage(message));
        bytes[at % bytes.length] = value;
        orMalformed(() => decodeWorkerMessage(bytes));
        orMalformed(() => parseCollectorMessage(native.decodeMessage(bytes)));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['no array', 5],
    ['no kind', []],
    ['an unknown kind', [99]],
    ['a collector kind from a worker', [KIND.arm]],
    ['a field too few', [KIND.joined, 1, 2]],
    ['a field too many', [KIND.armed, 1]],
    ['a negative count', [KIND.opened, -1]],
    ['a fraction', [KIND.opened, 1.5]],
    ['a count beyond 2^53', [KIND.opened, 1n << 60n]],
    ['text for a count', [KIND.opened, '1']],
    ['two rollover counters', [KIND.counters, countersWith({ 15: [1, 2] })]],
    ['an ignored reason without a count', [KIND.counters, countersWith({ 14: [[1]] })]],
    ['a number for text', [KIND.failed, 'open', 'bind', 1, 2]],
  ])('refuses %s', (_, value) => {
    expect(() => parseWorkerMessage(value)).toThrow(MalformedMessage);
  });

  test('ends deep nesting and lies about sizes without harm', () => {
    const nested = Buffer.alloc(60_000, 0x91);
    const hugeArray = Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0x01]);
    const hugeText = Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x41]);
    for (const bytes of [nested, hugeArray, hugeText]) {
      expect(() => decodeWorkerMessage(bytes)).toThrow(MalformedMessage);
      expect(native.decodeMessage(bytes)).toBeUndefined();
    }
  });
});

describe('observations', () => {
  const octets = (address: string): number[] =>
    address.includes(':')
      ? address.split(':').flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff])
      : address.split('.').map(Number);
  const packed = (stack: string): bigint =>
    stack.split('/').reduce((code, layer) => (code << 6n) | LAYER_CODES[layer as keyof typeof LAYER_CODES], 0n);

  test('written natively are read by msgpackr, field by field', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff), fc.array(observation, { maxLength: 20 }), (member, epoch, list) => {
        const bytes = native.encodeObservations(member, epoch, list);
        expect(isObservations(bytes)).toBe(true);
        const [kind, toldMember, toldEpoch, rows, ...rest] = packr.unpack(bytes) as [number, number, number, unknown[][]];
        expect([kind, toldMember, toldEpoch, rest]).toEqual([KIND.observations, member, epoch, []]);
        expect(
          rows.map(([src, dst, ...integers]) => [
            ...[src, dst].map((a) => [...(a as Uint8Array)]),
            ...integers.map((n) => BigInt(n as number)),
          ]),
        ).toEqual(
          list.map((o) => [
            octets(o.src),
            octets(o.dst),
            ...[
              o.srcPort,
              o.dstPort,
              o.protocol,
              packed(o.stack),
              o.kernelKey,
              o.marks,
              o.tags ?? 0,
              o.packets,
              o.bytes,
              o.firstNs,
              o.lastNs,
              o.content,
              o.datagram,
            ].map(BigInt),
          ]),
        );
      }),
    );
  });

  test.each([
    ['src', '10.0.0.256'],
    ['src', 'example.org'],
    ['dst', '2001:db8::1'],
    ['srcPort', 65_536],
    ['dstPort', -1],
    ['protocol', 1.5],
    ['stack', 'ipv4/udq'],
    ['stack', ''],
    ['kernelKey', 1n << 64n],
    ['packets', Number.NaN],
    ['bytes', -1n],
    ['firstNs', '0'],
    ['content', 2 ** 32],
    ['datagram', -1],
  ])('with %s %s are refused by name', (field, wrong) => {
    const right = {
      src: '10.0.0.1',
      dst: '10.0.0.2',
      srcPort: 1,
      dstPort: 2,
      protocol: 6,
      stack: 'ipv4/tcp',
      kernelKey: 3n,
      marks: 0,
      packets: 1,
      bytes: 60,
      firstNs: 0,
      lastNs: 0,
      content: 0,
      datagram: 0,
    };
    expect(native.encodeObservations(0, 0, [right]).length).toBeGreaterThan(0);
    expect(() => native.encodeObservations(0, 0, [{ ...right, [field]: wrong }])).toThrow(new RegExp(`observation 0: ${field} `));
  });
});

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import { isPlainMessage } from '../../../src/protocol/plain.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });

test('takes whatever the protocol is made of', () => {
  const leaf = fc.oneof(
    fc.integer(),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.array(
    fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 40 }),
      fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)),
    ),
  );
  fc.assert(
    fc.property(value, (message) => {
      const bytes = packr.pack(message);
      expect(isPlainMessage(bytes)).toBe(true);
      // One byte less, or one more, is no message.
      expect(isPlainMessage(bytes.subarray(0, -1))).toBe(false);
      expect(isPlainMessage(Buffer.concat([bytes, Buffer.from([1])]))).toBe(false);
    }),
  );
});

test('what it takes can be decoded, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      if (isPlainMessage(bytes)) packr.unpack(Buffer.from(bytes));
    }),
    { numRuns: 5000 },
  );
});

test.each([
  ['nothing', []],
  ['an array longer than the message', [0xdd, 0xff, 0xff, 0xff, 0xff, 1]],
  ['a text longer than the message', [0xdb, 0xff, 0xff, 0xff, 0xff, 1]],
  ['a length cut off', [0xdc, 0]],
  ['a map', [0x81, 1, 1]],
  ['an extension', [0xd4, 0x72, 0x40]],
  ['the byte that msgpack never uses', [0xc1]],
  ['nine arrays in one another', [...Array.from({ length: 9 }, () => 0x91), 1]],
])('refuses %s', (_, bytes) => expect(isPlainMessage(Uint8Array.from(bytes))).toBe(false));

/** What a fuzz target is: a rule that holds for any bytes. Quickly checked by test/property/fuzz.test.ts, at length by `npm run fuzz`. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';

export interface FuzzTarget {
  readonly name: string;
  /** What it is meant to reach. */
  readonly covers: readonly string[];
  /** Inputs that are valid, and such with a few mistakes in them. */
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /** What mutations of earlier inputs put in. */
  readonly words: readonly string[];
  /** Throws where the rule is broken. */
  readonly run: (input: Uint8Array) => void | Promise<void>;
}

/** The longest argument that Linux passes on, and more than any saved file needs. */
export const INPUT_BYTES_MAX = 128 * 1024;

/** Of this process, whatever else the machine has to do. */
const CPU_MS_MAX = 2000;

/** Gives the milliseconds that it took. */
export async function timed(target: FuzzTarget, input: Uint8Array): Promise<number> {
  const begun = process.cpuUsage();
  await target.run(input);
  const { user, system } = process.cpuUsage(begun);
  const ms = (user + system) / 1000;
  assert(ms <= CPU_MS_MAX, `${input.length} bytes took ${Math.round(ms)} ms`);
  return ms;
}

/** What hand-written readers of numbers, lists and lines stumble over. */
export const PITFALLS: readonly string[] = [
  ...['', '0', '-1', '+1', '-0', '00', '1.', '.5', '1e9', '1e309', '0x10', '0b1', 'Infinity', 'NaN', '1_000', '1 0', '\u0663', '\uff14'],
  ...['65535', '65536', '4294967296', '9007199254740993', '18446744073709551616', '9'.repeat(40)],
  ...[' ', '\t', '\r', '\n', '\r\n', '\v', '\0', '\u00a0', '\u2028', '\ufeff', '\u001b[2J', '\u202e', '\ud83e\udd8a', 'e\u0301', '\u0130'],
  ...[',', ',,', ':', '=', '==', '+', '*', '**', '/', '//', '#', '%s', '$', '"', "'", '\\', '{', '}', '(', '-', '--'],
  ...['__proto__', 'constructor', 'toString', 'none', 'auto', 'null', 'true'],
];

/** Like `texts`, with up to a few pieces taken out, put in, or repeated. */
export function mutated(texts: fc.Arbitrary<string>, words: readonly string[] = []): fc.Arbitrary<string> {
  const piece = fc.oneof({ arbitrary: fc.constantFrom(...PITFALLS, ...words), weight: 4 }, fc.string({ unit: 'binary', maxLength: 6 }));
  const times = fc.oneof({ arbitrary: fc.constant(1), weight: 8 }, fc.integer({ min: 2, max: 600 }), fc.constant(5000));
  const edit = fc.record({ at: fc.nat(), length: fc.nat(12), put: piece, times });
  return fc.tuple(texts, fc.oneof(fc.constant([]), fc.array(edit, { minLength: 1, maxLength: 4 }))).map(([text, edits]) =>
    edits.reduce((whole, { at, length, put, times: count }) => {
      const from = at % (whole.length + 1);
      return whole.slice(0, from) + put.repeat(count) + whole.slice(from + length);
    }, text),
  );
}

export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FanoutError } from '../../../src/errors.ts';
import { CBPF_INSTRUCTIONS_MAX, CBPF_TEXT_MAX, parseCbpf } from '../../../src/options/cbpf.ts';

const IP_OR_NOT = [
  { code: 0x28, jt: 0, jf: 0, k: 12 },
  { code: 0x15, jt: 0, jf: 1, k: 0x800 },
  { code: 0x06, jt: 0, jf: 0, k: 262144 },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

describe('forms', () => {
  test.each([
    ['tcpdump -ddd', '4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n'],
    ['tcpdump -ddd with other line ends', '4\r\n40 0 0 12\r\n21 0 1 2048\r\n6 0 0 262144\r\n6 0 0 0'],
    ['tcpdump -dd', '{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000800 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n'],
    ['bpf_asm', '4,40 0 0 12,21 0 1 2048,6 0 0 262144,6 0 0 0,\n'],
    [
      'bpf_asm -c',
      '{ 0x28,  0,  0, 0x0000000c },\n{ 0x15,  0,  1, 0x00000800 },\n{ 0x06,  0,  0, 0x00040000 },\n{ 0x06,  0,  0, 0000000000 },\n',
    ],
    ['comments and empty lines', '# ip?\n\n4\n40 0 0 12 // ethertype\n21 0 1 2048\n6 0 0 262144\n\n6 0 0 0\n'],
  ])('%s', (_, text) => expect(parseCbpf(text, 'steer')).toEqual(IP_OR_NOT));

  test('both forms of any valid program are read alike', () => {
    const returning = fc.record({ code: fc.constant(6), jt: fc.constant(0), jf: fc.constant(0), k: fc.nat({ max: 0xffffffff }) });
    const loading = fc.record({
      code: fc.constantFrom(0x28, 0x30, 0x20, 0xb1),
      jt: fc.nat({ max: 255 }),
      jf: fc.nat({ max: 255 }),
      k: fc.nat({ max: 0xffffffff }),
    });
    fc.assert(
      fc.property(fc.array(loading, { maxLength: 40 }), returning, (body, end) => {
        const program = [...body, end];
        const ddd = `${program.length}\n${program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}\n`).join('')}`;
        const dd = program.map(({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16)} },\n`).join('');
        expect(parseCbpf(ddd, 'p')).toEqual(program);
        expect(parseCbpf(dd, 'p')).toEqual(program);
      }),
    );
  });
});

describe('refused', () => {
  test.each([
    ['nothing', '', 'steer: no instructions'],
    ['comments only', '# nothing\n', 'steer: no instructions'],
    ['no instructions announced', '0\n', 'steer: no instructions'],
    ['too few', '2\n6 0 0 0\n', 'steer:1: announces 2 instructions, but 1 follow'],
    ['too many', '1\n6 0 0 0\n6 0 0 0\n', 'steer:1: announces 1 instructions, but 2 follow'],
    ['the output of tcpdump -d', '(000) ret #0\n', 'steer:1: expected a number of instructions'],
    ['a field missing', '1\n6 0 0\n', 'steer:2: expected 4 numbers (code, jt, jf, k), found 3'],
    ['a code out of range', '1\n65536 0 0 0\n', 'steer:2: code is "65536", not a number from 0 to 65535'],
    ['a jump out of range', '# x\n1\n6 256 0 0\n', 'steer:3: jt is "256", not a number from 0 to 255'],
    ['k out of range', '{ 0x6, 0, 0, 0x100000000 },\n', 'steer:1: k is "0x100000000"'],
    ['a negative number', '1\n6 0 0 -1\n', 'steer:2: k is "-1"'],
    ['mixed forms', '{ 0x6, 0, 0, 0 },\n6 0 0 0\n', 'steer:2: not of the form'],
    ['no return at the end', '1\n40 0 0 12\n', 'steer:2: the last instruction must be a return'],
    ['a jump outside', '2\n21 0 1 2048\n6 0 0 0\n', 'steer:2: jumps to instruction 2, and the last one is 1'],
    ['a long jump outside', '2\n5 0 0 4294967295\n6 0 0 0\n', 'steer:2: jumps to instruction 4294967296'],
    ['too long a program', `${CBPF_INSTRUCTIONS_MAX + 1}\n`, 'expected a number of instructions up to 4096'],
    [
      'too long a program of initialisers',
      '{ 0x6, 0, 0, 0 },\n'.repeat(CBPF_INSTRUCTIONS_MAX + 1),
      '4097 instructions; the kernel takes 4096 at most',
    ],
    ['too long a text', ' '.repeat(CBPF_TEXT_MAX + 1), 'longer than'],
  ])('%s', (_, text, message) => {
    expect(() => parseCbpf(text, 'steer')).toThrow(
      expect.objectContaining({ code: 'BAD_PROGRAM', message: expect.stringContaining(message) }),
    );
  });

  test('a comment takes no longer to skip for what is in it', () => {
    const slashes = '/'.repeat(60_000);
    const begun = performance.now();
    // A line separator is no end of a line, but one of what a pattern may match.
    expect(parseCbpf(`1 ${slashes}\u2028\n6 0 0 3 //\u2028\n`, 'steer')).toEqual([{ code: 6, jt: 0, jf: 0, k: 3 }]);
    // It took seven seconds to look for the end behind each of them.
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test('any text is a program or a BAD_PROGRAM', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom('6', ' 0', '\n', ',', '{', '}', '0x', '#', '//', '1'), { maxLength: 60 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (any) => {
        try {
          expect(parseCbpf(any, 'p').length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(FanoutError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** Any text as a cBPF program: instructions that the kernel would take, or a BAD_PROGRAM. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FanoutError } from '../../src/errors.ts';
import { CBPF_INSTRUCTIONS_MAX, type CbpfInstruction, parseCbpf } from '../../src/options/cbpf.ts';
import { bytesOf, type FuzzTarget, mutated, textOf } from './target.ts';

const END: CbpfInstruction = { code: 6, jt: 0, jf: 0, k: 1 };
const instruction: fc.Arbitrary<CbpfInstruction> = fc.record({
  code: fc.constantFrom(0x28, 0x30, 0x20, 0xb1, 0x15, 0x05, 0x06),
  jt: fc.constantFrom(0, 0, 1, 255),
  jf: fc.constantFrom(0, 0, 1, 255),
  k: fc.constantFrom(0, 12, 2048, 0xffffffff),
});

const hex = (n: number): string => `0x${n.toString(16)}`;
/** As tcpdump -ddd, bpf_asm, and tcpdump -dd and bpf_asm -c print them. */
const FORMS: readonly ((program: readonly CbpfInstruction[]) => string)[] = [
  (program) => `${program.length}\n${program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}\n`).join('')}`,
  (program) => `${program.length},${program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k},`).join('')}\n`,
  (program) => program.map(({ code, jt, jf, k }) => `{ ${hex(code)}, ${jt}, ${jf}, ${hex(k)} },\n`).join(''),
];
const programs = fc
  .tuple(fc.constantFrom(...FORMS), fc.array(instruction, { maxLength: 12 }))
  .map(([form, body]) => form([...body, ...(body.length % 5 === 4 ? [] : [END])]));
const WORDS = ['// x\n', '# x\n', '{ 0x6, 0, 0, 0x0 },\n', '6 0 0 0\n', '0x', '4097', ' ,'];

export const cbpf: FuzzTarget = {
  name: 'cbpf',
  covers: ['src/options/cbpf.ts'],
  words: WORDS,
  inputs: mutated(programs, WORDS).map(bytesOf),
  run: (input) => {
    let program: readonly CbpfInstruction[];
    try {
      program = parseCbpf(textOf(input), 'p');
    } catch (error) {
      assert(error instanceof FanoutError && error.code === 'BAD_PROGRAM' && error.remedy !== '', String(error));
      return;
    }
    assert(program.length > 0 && program.length <= CBPF_INSTRUCTIONS_MAX);
    for (const { code, jt, jf, k } of program)
      assert([code, jt, jf, k].every((n, i) => Number.isInteger(n) && n >= 0 && n <= ([0xffff, 0xff, 0xff, 0xffffffff][i] ?? 0)));
    // Each form says the same, and what was read is read again.
    for (const form of FORMS) assert.deepEqual(parseCbpf(form(program), 'again'), program);
  },
};

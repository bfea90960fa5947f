/** Classic BPF programs as text: what tcpdump -ddd, tcpdump -dd, bpf_asm and bpf_asm -c print. Survives any text. */
import { FanoutError } from '../errors.ts';

export interface CbpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS: the kernel refuses longer programs. */
export const CBPF_INSTRUCTIONS_MAX = 4096;
/** No program of that many instructions needs more text in any of the forms. */
export const CBPF_TEXT_MAX = 1 << 20;

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Reads a program and checks what the kernel would refuse with a bare EINVAL.
 * @param name the file, for messages
 */
export function parseCbpf(text: string, name: string): readonly CbpfInstruction[] {
  if (text.length > CBPF_TEXT_MAX) throw badProgram(`${name}: longer than ${CBPF_TEXT_MAX} characters`);
  const lines = contentLines(text);
  const [first] = lines;
  if (first === undefined) throw badProgram(`${name}: no instructions`);
  const located = first.text.startsWith('{') ? initialisers(lines, name) : decimals(lines, name);
  verify(located, name);
  return located.map(({ instruction }) => instruction);
}

interface Located {
  readonly line: number;
  readonly instruction: CbpfInstruction;
}

/** Comments (// and #) and empty lines carry nothing; numbers are those of the file. */
function contentLines(text: string): readonly Line[] {
  return text
    .split(/\r\n|\n|\r/)
    .map((raw, index) => ({ number: index + 1, text: withoutComment(raw).trim() }))
    .filter((line) => line.text !== '');
}

/** No pattern: one that a line separator ends early would look for the end of the line behind each of a million slashes. */
function withoutComment(line: string): string {
  const at = line.indexOf('//');
  const code = at < 0 ? line : line.slice(0, at);
  return code.trimStart().startsWith('#') ? '' : code;
}

/** `{ 0x28, 0, 0, 0x0000000c },`, one a line: tcpdump -dd and bpf_asm -c. */
function initialisers(lines: readonly Line[], name: string): readonly Located[] {
  return lines.map(({ number, text }) => {
    const fields = /^\{([^{}]*)\},?$/.exec(text)?.[1]?.split(',');
    if (fields === undefined) throw badProgram(`${name}:${number}: not of the form { code, jt, jf, k }`);
    return { line: number, instruction: instruction(fields, `${name}:${number}`) };
  });
}

/** A count, then `code jt jf k`. bpf_asm writes all in one line with commas, tcpdump -ddd one instruction a line. */
function decimals(lines: readonly Line[], name: string): readonly Located[] {
  const entries = lines.flatMap(({ number, text }) =>
    text
      .split(',')
      .map((entry) => ({ number, text: entry.trim() }))
      .filter((entry) => entry.text !== ''),
  );
  const [head, ...rest] = entries;
  if (head === undefined) throw badProgram(`${name}: no instructions`);
  const count = wholeNumber(head.text, CBPF_INSTRUCTIONS_MAX);
  if (count === undefined)
    throw badProgram(
      `${name}:${head.number}: expected a number of instructions up to ${CBPF_INSTRUCTIONS_MAX}, or a line such as { 0x6, 0, 0, 0x0 },`,
    );
  if (count !== rest.length) throw badProgram(`${name}:${head.number}: announces ${count} instructions, but ${rest.length} follow`);
  return rest.map(({ number, text }) => ({ line: number, instruction: instruction(text.split(/\s+/), `${name}:${number}`) }));
}

function instruction(fields: readonly string[], where: string): CbpfInstruction {
  if (fields.length !== 4) throw badProgram(`${where}: expected 4 numbers (code, jt, jf, k), found ${fields.length}`);
  const [code, jt, jf, k] = fields.map((field) => field.trim());
  return {
    code: field(code, 'code', 0xffff, where),
    jt: field(jt, 'jt', 0xff, where),
    jf: field(jf, 'jf', 0xff, where),
    k: field(k, 'k', 0xffffffff, where),
  };
}

function field(text: string | undefined, label: string, most: number, where: string): number {
  const value = wholeNumber(text ?? '', most);
  if (value === undefined) throw badProgram(`${where}: ${label} is "${text ?? ''}", not a number from 0 to ${most}`);
  return value;
}

function wholeNumber(text: string, most: number): number | undefined {
  if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}

// Instruction classes and jumps of linux/bpf_common.h.
const CLASS_MASK = 0x07;
const CLASS_JMP = 0x05;
const CLASS_RET = 0x06;
const JA = 0x05;

function verify(located: readonly Located[], name: string): void {
  if (located.length === 0) throw badProgram(`${name}: no instructions`);
  if (located.length > CBPF_INSTRUCTIONS_MAX)
    throw badProgram(`${name}: ${located.length} instructions; the kernel takes ${CBPF_INSTRUCTIONS_MAX} at most`);
  located.forEach(({ line, instruction: { code, jt, jf, k } }, index) => {
    if ((code & CLASS_MASK) !== CLASS_JMP) return;
    const farthest = index + 1 + (code === JA ? k : Math.max(jt, jf));
    if (farthest >= located.length)
      throw badProgram(`${name}:${line}: jumps to instruction ${farthest}, and the last one is ${located.length - 1}`);
  });
  const last = located.at(-1);
  if (last !== undefined && (last.instruction.code & CLASS_MASK) !== CLASS_RET) {
    throw badProgram(`${name}:${last.line}: the last instruction must be a return`);
  }
}

function badProgram(message: string): FanoutError {
  return new FanoutError('BAD_PROGRAM', message, 'give the output of "tcpdump -ddd", "tcpdump -dd", "bpf_asm" or "bpf_asm -c"');
}

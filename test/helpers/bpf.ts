/** BPF programs for tests: classic ones as instructions, others compiled from C by clang. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { CbpfInstruction } from '../../src/addon/capture.ts';
import { runProgram } from './programs.ts';
import { program, type Requirement, root } from './requirements.ts';

/** Offsets that mean the same for received and sent packets (linux/filter.h). Otherwise 0 is the network header of received ones. */
export const SKF_NET_OFF = 0xfff00000;
export const SKF_LL_OFF = 0xffe00000;

export const CBPF = {
  loadByte: (k: number): CbpfInstruction => [0x30, 0, 0, k >>> 0],
  loadHalf: (k: number): CbpfInstruction => [0x28, 0, 0, k >>> 0],
  loadWord: (k: number): CbpfInstruction => [0x20, 0, 0, k >>> 0],
  toX: [0x07, 0, 0, 0] as CbpfInstruction,
  addX: [0x0c, 0, 0, 0] as CbpfInstruction,
  xorX: [0xac, 0, 0, 0] as CbpfInstruction,
  jumpIfEqual: (k: number, jt: number, jf: number): CbpfInstruction => [0x15, jt, jf, k],
  returnA: [0x16, 0, 0, 0] as CbpfInstruction,
  returnK: (k: number): CbpfInstruction => [0x06, 0, 0, k >>> 0],
} as const;

/** As `tcpdump -ddd` prints it. */
export function cbpfText(instructions: readonly CbpfInstruction[]): string {
  return `${[String(instructions.length), ...instructions.map((fields) => fields.join(' '))].join('\n')}\n`;
}

/** What loading eBPF takes: root, clang, bpftool, and mounts of this test's own to put a BPF file system in. */
export function ebpfRequirements(): readonly (Requirement | undefined)[] {
  return [root(), program('clang'), program('bpftool'), ownMounts()];
}

function ownMounts(): Requirement | undefined {
  // scripts/test.mjs sets this where it has given the tests a mount namespace of their own.
  if (hasBpfFileSystem() || process.env['FANOUT_TEST_MOUNTS'] === 'own') return undefined;
  return { reason: 'no BPF file system, and mounting one would change the host', remedy: 'run it with `node scripts/test.mjs kernel`' };
}

function hasBpfFileSystem(): boolean {
  return /^\S+ \/sys\/fs\/bpf bpf /m.test(readFileSync('/proc/self/mounts', 'utf8'));
}

export function mountBpfFileSystem(): void {
  if (!hasBpfFileSystem()) execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
}

const PRELUDE = `
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
char gpl[] SEC("license") = "GPL";
static long (*load_bytes)(const void *skb, unsigned int offset, void *to, unsigned int length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*load_bytes_relative)(const void *skb, unsigned int offset, void *to, unsigned int length, unsigned int start) = (void *)BPF_FUNC_skb_load_bytes_relative;
`;

/** The source comes after the UAPI of BPF, SEC() and the helpers to load packet bytes. */
export async function compileBpf(source: string, object: string): Promise<void> {
  const include = `-I/usr/include/${process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch}-linux-gnu`;
  const script = 'printf %s "$1" | clang -O2 -g -target bpf -Wall -Wno-unused-variable "$2" -x c -c - -o "$3"';
  const { code, stderr } = await runProgram('sh', ['-c', script, 'sh', PRELUDE + source, include, object]);
  if (code !== 0) throw new Error(`clang: ${stderr}`);
}

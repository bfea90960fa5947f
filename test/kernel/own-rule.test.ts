/** The worked example of docs/choosing.md: a steering program with a rule of its own, compiled, loaded and judged. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { ebpfRequirements, mountBpfFileSystem } from '../helpers/bpf.ts';
import { runCli } from '../helpers/cli.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { testWith } from '../helpers/requirements.ts';

const SOURCE = join(packageRoot(), 'docs/examples/steer-by-call.bpf.c');
const RECORDER_PORT = 7000;
const PROCS = 5;
const CALLS = 200;

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

/** A UDP packet whose payload begins with a number. */
function numbered(from: readonly [host: number, port: number], to: readonly [host: number, port: number], call: number): Uint8Array {
  const frame = Buffer.alloc(14 + 20 + 8 + 20);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0], 0);
  frame.set([0x45, 0, 0, 48, 0, 0, 0x40, 0, 64, 17], 14);
  frame.writeUInt32BE(0xc6120000 + from[0], 26);
  frame.writeUInt32BE(0xc6120000 + to[0], 30);
  frame.writeUInt16BE(from[1], 34);
  frame.writeUInt16BE(to[1], 36);
  frame.writeUInt16BE(28, 38);
  frame.writeUInt32BE(call, 42);
  return frame;
}

/** Two flows each, between other hosts: what is said, and what is heard. Two packets and their answers in each. */
function framesOf(call: number): readonly Uint8Array[] {
  const flows = [
    [
      [2 * call + 1, 20_000 + call],
      [60_001, RECORDER_PORT],
    ],
    [
      [30_000 - call, 40_000 + call],
      [60_002, RECORDER_PORT],
    ],
  ] as const;
  return flows.flatMap(([party, recorder]) => {
    const [there, back] = [numbered(party, recorder, call), numbered(recorder, party, call)];
    return [there, back, there, back];
  });
}

describe('a rule of its own', () => {
  const object = join(scratch.path, 'steer-by-call.bpf.o');
  const pcap = join(scratch.path, 'calls.pcap');
  const requirements = ebpfRequirements();
  const args = ['-n', String(PROCS), '--pcap', pcap];

  beforeAll(() => {
    refuseHostNamespace();
    if (requirements.some((missing) => missing !== undefined)) return;
    mountBpfFileSystem();
    // As its first lines say.
    const [, command = ''] = /^\/\/ {5}(clang .*)$/m.exec(readFileSync(SOURCE, 'utf8')) ?? [];
    const [clang = '', ...options] = command.replace('steer-by-call.bpf.c', SOURCE).replace('steer-by-call.bpf.o', object).split(' ');
    execFileSync(
      clang,
      options.map((option) => option.replace('x86_64', process.arch === 'arm64' ? 'aarch64' : 'x86_64')),
    );
    writePcap(pcap, Array.from({ length: CALLS }, (_, call) => framesOf(call)).flat());
  });

  testWith(requirements, 'all flows of a call meet in one process, the one that its number says', {}, async () => {
    const { report } = await runCli([...args, '--mode', 'ebpf', '--ebpf-program', object]);
    expect([report.verdict.answer, report.flows.twoWay]).toEqual(['yes', 2 * CALLS]);
    // Eight packets of each call, and as many calls for each process: its number, modulo the processes.
    expect(report.members.map(({ packets }) => packets)).toEqual(Array.from({ length: PROCS }, () => (8 * CALLS) / PROCS));
    expect(report.members.map(({ flows }) => flows)).toEqual(Array.from({ length: PROCS }, () => (2 * CALLS) / PROCS));
    expect(report.group).not.toHaveProperty('builtin');
  });

  testWith(requirements, 'a hash keeps flows together as well, and knows nothing of calls', {}, async () => {
    const { report } = await runCli([...args, '--mode', 'hash']);
    expect(report.verdict.answer).toBe('yes');
    expect(new Set(report.members.map(({ packets }) => packets)).size).toBeGreaterThan(1);
  });
});

/**
 * A real kernel with bugs B, C and D: user-mode Linux 5.10.46 of Debian, booted with this build inside (scripts/kernels.mjs). What it has to be
 * told apart from is the kernel of this machine, on which all other tests run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { MatrixResult } from '../../src/commands/matrix/result.ts';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, type Requirement, testWith } from '../helpers/requirements.ts';
import { ROOT } from '../helpers/tool.ts';

const KERNEL = 'uml-5.10';
/** It took 147 s where ten others wanted the two CPUs; the guest has one. In the suite it gets what others leave. */
const BOOT_MS_MAX = 480_000;
const STEPS = [
  ...['load-veth', 'link', 'no-tun-lab', 'no-diag-joined', 'load-diag', 'facts', 'live-ignore-outgoing', 'down'],
  ...['load-tun', 'matrix-known', 'probe', 'steer-loads', 'steer-addresses'],
];

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

function downloaded(): Requirement | undefined {
  const named = process.env['FANOUT_KERNELS_CACHE'];
  const cache = named === undefined || named === '' ? join(homedir(), '.cache', 'fanout-cluster-kernels') : named;
  if (existsSync(join(cache, 'packages', 'user-mode-linux_bullseye', '.complete'))) return undefined;
  return { reason: 'user-mode Linux 5.10 has not been downloaded', remedy: `node scripts/kernels.mjs --download ${KERNEL}` };
}

interface StepRecord {
  readonly step: string;
  readonly status?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly report?: unknown;
  readonly release?: string;
}

testWith([downloaded(), program('g++')], 'Linux 5.10.46', { timeout: BOOT_MS_MAX + 10_000 }, () => {
  const file = join(scratch.path, 'results.json');
  const command = ['scripts/kernels.mjs', KERNEL, '--steps', STEPS.join(','), '--json', file];
  const { stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: BOOT_MS_MAX,
    killSignal: 'SIGTERM',
  });
  if (!existsSync(file)) throw new Error(`${stdout}${stderr}`);
  const [{ records, unfinished }] = JSON.parse(readFileSync(file, 'utf8')) as [
    { records: readonly StepRecord[]; unfinished: readonly string[] },
  ];
  expect(unfinished, stdout).toEqual([]);
  const of = (step: string): StepRecord => records.find((record) => record.step === step) ?? { step };
  expect(of('kernel').release).toBe('5.10.46');

  // Known bugs B and C, by the standard traffic, over a veth pair for want of a TUN device.
  const { verdict, source, packets } = of('no-tun-lab').report as RunResult;
  expect([verdict.answer, source.injection, ...verdict.reasons.map(({ code }) => code).sort()]).toEqual([
    ...['no', 'veth', 'known-bug-b', 'known-bug-c'],
  ]);
  expect(packets.captured).toBe(packets.offered);

  // What mode hash makes of the classes in which kernels differ.
  const { cells } = of('matrix-known').report as MatrixResult;
  const outcomes = Object.fromEntries(
    cells.map((cell) => [cell.class, `${cell.outcome}${cell.cause === undefined ? '' : ` ${cell.cause}`}`]),
  );
  expect(outcomes).toMatchObject({
    'ipv4-tcp': 'kept',
    'ipv6-udp': 'kept',
    'vlan-ipv4-tcp': 'kept',
    // Beside flows that joint sorting of ports parts, the pattern of bug B is not the only one.
    'top-bit-ipv4-tcp': expect.stringMatching(/^split (known-bug-b|hash-asymmetric)$/),
    'top-bit-ipv4-udp': expect.stringMatching(/^split (known-bug-b|hash-asymmetric)$/),
    'label-one-way-ipv6-tcp': 'split known-bug-c',
    'label-one-way-ipv6-udp': 'split known-bug-c',
    '4in6-ipv4-tcp': 'split known-bug-d',
    '4in6-near-ipv4-tcp': 'kept',
    'hsr-ipv4-udp': expect.stringMatching(/^one-member/),
  });

  // The kernel takes the flag, and delivers what was sent all the same.
  const ignoring = of('live-ignore-outgoing').report as RunResult;
  expect(ignoring.warnings.map(({ code }) => code)).toContain('ignore-outgoing-ineffective');
  expect(ignoring.packets.judged).toBe(0);

  // Without packet_diag, a program that joins is seen by what it does and by its socket only.
  const joined = of('no-diag-joined').report as RunResult;
  expect([joined.verdict.answer, joined.verdict.reasons[0]?.code]).toEqual(['inconclusive', 'foreign-member-possible']);

  // Asked how it hashes, it says what its release tells.
  const { kernel } = of('probe').report as PredictionResult;
  expect(kernel).toEqual({
    ...{ release: '5.10.46', from: 'this-host', probed: true, assumed: [] },
    design: { portsWithAddresses: true, readsHsr: false, pppoe: 'plain' },
    bugs: { b: true, c: true, d: true },
  });

  // Both programs pass the verifier of then, within the locked memory of then; all classes keep together by the one.
  expect(of('steer-loads')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^dissect 0: .*continue false$/m) });
  const steered = of('steer-addresses').report as RunResult;
  expect(steered.flows).toMatchObject({ consistent: steered.flows.total, twoWay: steered.flows.total, split: 0, asymmetric: 0 });
  expect(steered.verdict.answer).toBe('yes');

  expect([of('down').status, of('down').stderr]).toEqual([4, expect.stringContaining('INTERFACE_DOWN')]);

  // What the tool relies on, asked of the kernel by a program of its own.
  const facts = new Map(
    (of('facts').stdout ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  );
  expect(Object.fromEntries(facts)).toMatchObject({
    'fanout_args (8 octets)': 'ok',
    'members of a group without a limit of its own': '256, then ENOSPC',
    'a group on a link that is down': 'EINVAL',
    'sent packets that a group with IGNORE_OUTGOING sees': 'join ok, 10 of 10',
    'frames with 1 VLAN tag, captured where they were sent': expect.stringMatching(/^1[0-6] of 16 members, 0 of 60 flows split$/),
  });
});

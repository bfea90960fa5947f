/**
 * Packets that this host sends, as its own sockets see them: the kernel key against the kernel, and what is said of the ones with a VLAN
 * tag in their bytes. tcpreplay sends them as packet sockets do, on the captured device.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import type { ObservedFlow } from '../../src/addon/flow-map.ts';
import type { CauseResult, RunResult } from '../../src/model/run-result.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { runCliDuring } from '../helpers/cli.ts';
import { startGroup } from '../helpers/group.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { CAPTURE, ip, makePair, removePair } from '../helpers/network.ts';
import { writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { framesOf } from '../helpers/traffic.ts';

const PROCS = 16;
/** The other end of the pair, where everything is received. */
const PEER = 'gen0';
const needs = [root(), program('tcpreplay')];
const scratch = temporaryDirectory();

beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  // Room for tags around the longest packets.
  for (const name of [CAPTURE, PEER]) ip('link', 'set', 'dev', name, 'mtu', '3000');
});
afterEach(removePair);

type Wrap = (frame: Uint8Array) => Uint8Array;

/** The tags in front of what the frame carries. */
const tagged =
  (...tags: readonly string[]): Wrap =>
  (frame) =>
    Buffer.concat([frame.subarray(0, 12), Buffer.from(tags.join(''), 'hex'), frame.subarray(12)]);

async function replay(frames: readonly Uint8Array[], device: string): Promise<void> {
  const file = join(scratch.path, 'sent.pcap');
  writePcap(file, frames);
  await promisify(execFile)('tcpreplay', ['-q', '--pps=20000', '-i', device, file]);
}

async function seenAt(device: string, frames: readonly Uint8Array[]): Promise<readonly ObservedFlow[]> {
  const group = await startGroup({ interface: device, procs: PROCS, mode: 'hash' });
  try {
    await replay(frames, CAPTURE);
    const { flows } = await group.finish(frames.length);
    return flows;
  } finally {
    await group.close();
  }
}

interface Comparison {
  /** Kernel keys of which packets were on several members. */
  readonly contradictions: readonly string[];
  readonly keys: number;
  readonly members: number;
  /** Pairs of keys, and how many of them are on one member. */
  readonly pairs: number;
  readonly met: number;
}

function compare(flows: readonly ObservedFlow[]): Comparison {
  const membersOf = new Map<string, Set<number>>();
  for (const { observations } of flows)
    for (const { kernelKey, member } of observations) membersOf.set(kernelKey, (membersOf.get(kernelKey) ?? new Set()).add(member));
  const members = [...membersOf.values()].map((set) => [...set][0] ?? -1);
  const pairs = members.flatMap((x, i) => members.slice(i + 1).map((y) => x === y));
  return {
    contradictions: [...membersOf].filter(([, set]) => set.size > 1).map(([key]) => key),
    keys: membersOf.size,
    members: new Set(members).size,
    pairs: pairs.length,
    met: pairs.filter(Boolean).length,
  };
}

/** One pair in PROCS meets by chance; further from it than five deviations it is none. */
function expectChance({ pairs, met }: Comparison): void {
  const expected = pairs / PROCS;
  expect(Math.abs(met - expected)).toBeLessThan(5 * Math.sqrt(expected) + pairs / 100 + 5);
}

const CLASSES = TRAFFIC_CLASSES.filter(({ flow }) => flow !== undefined).map(({ name }) => name);
const ofAllClasses = framesOf(generateTraffic({ seed: 61, flows: 4 * CLASSES.length, packetsPerFlow: 4, classes: CLASSES }));

const WRAPPINGS: readonly (readonly [name: string, wrap: Wrap])[] = [
  ['without a tag more', (frame) => frame],
  ['with a tag', tagged('81000064')],
  ['with a tag of type 0x88a8', tagged('88a80064')],
  ['with two tags', tagged('88a8000a', '81000064')],
  ['with a tag of type 0x9100', tagged('9100000a')],
  ['with one of type 0x9100 behind a tag', tagged('81000064', '9100000a')],
  ['with seven tags', tagged(...Array(7).fill('81000064'))],
  // packet_parse_headers() gives up, and leaves the network header at the first.
  ['with nine tags', tagged(...Array(9).fill('81000064'))],
];

describe('packets of all classes that this host sends have the member of their kernel key:', () => {
  for (const [name, wrap] of WRAPPINGS)
    testWith(needs, name, { timeout: 180_000 }, async () => {
      const seen = compare(await seenAt(CAPTURE, ofAllClasses.map(wrap)));
      expect(seen.contradictions).toEqual([]);
      // Packets of one length have one key, and all of a type unknown to the kernel.
      if (!name.includes('0x9100')) expect(seen.members).toBeGreaterThan(PROCS / 2);
      expectChance(seen);
    });

  testWith(needs, 'and have that of a received one where they are received', { timeout: 180_000 }, async () => {
    const seen = compare(await seenAt(PEER, ofAllClasses.map(tagged('81000064'))));
    expect([seen.contradictions, seen.members]).toEqual([[], PROCS]);
  });
});

const tcp = framesOf(generateTraffic({ seed: 62, flows: 120, packetsPerFlow: 12, classes: ['ipv4-tcp'] }));

describe('flows that this host sends with the tag in their bytes', () => {
  const sentTagged = tcp.map(tagged('81000064'));
  const judged = (device: string, args: readonly string[] = []) =>
    runCliDuring(['-i', device, '-n', String(PROCS), '-m', 'hash', ...args], () => replay(sentTagged, CAPTURE));
  const causes = ({ causes: all }: RunResult): readonly string[] => all.map(({ code }: CauseResult) => code);

  testWith(needs, 'are split, and the answer says by what and what helps', { timeout: 180_000 }, async () => {
    const { status, report } = await judged(CAPTURE);
    expect([status, report.verdict.answer, causes(report)]).toEqual([1, 'no', ['sent-tagged']]);
    const [reason] = report.verdict.reasons;
    expect(reason?.code).toBe('sent-tagged');
    expect(reason?.remedy).toMatch(/on the VLAN device or on the bridge.*tx-vlan-offload on.*from the other end.*qm is no cure/);
    expect(new Set(report.violations.map(({ cause }) => cause))).toEqual(new Set(['sent-tagged']));
  });

  testWith(needs, 'are kept where they are received', { timeout: 180_000 }, async () => {
    const { status, report } = await judged(PEER);
    expect([status, report.verdict.answer, causes(report)]).toEqual([0, 'yes', []]);
  });

  testWith(needs, 'and without a tag where they are sent', { timeout: 180_000 }, async () => {
    const run = runCliDuring(['-i', CAPTURE, '-n', String(PROCS), '-m', 'hash'], () => replay(tcp, CAPTURE));
    const { status, report } = await run;
    expect([status, report.verdict.answer, causes(report)]).toEqual([0, 'yes', []]);
    expect(report.packets.outgoing).toBe(tcp.length);
  });
});

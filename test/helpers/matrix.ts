/** What a run of the survey saw, made up flow by flow; tests change what they are about. */

import type { ObservedFlow } from '../../src/addon/flow-map.ts';
import type { Observed } from '../../src/collector/run/io.ts';
import type { ClassSample } from '../../src/commands/matrix/matrix-cells.ts';
import type { MatrixCell, MatrixResult, Outcome } from '../../src/commands/matrix/result.ts';
import type { ViolationTraits } from '../../src/model/evidence.ts';
import type { GroupName } from '../../src/model/fanout.ts';
import type { RunFacts } from '../../src/model/run-facts.ts';
import type { FlowId } from '../../src/model/run-result.ts';
import type { FlowTruth } from '../../src/traffic/traffic.ts';
import { epoch, evidenceOf, factsOf, group } from './evidence.ts';

/** Packets of each direction. */
const PACKETS = 4;

export const PLAIN: ClassSample = { isWhole: true, hasOneKernelKey: false };

export function flowIdOf(id: number): FlowId {
  return { proto: 'udp', src: '198.18.0.1', sport: 1000 + id, dst: '198.19.0.1', dport: 53 };
}

export function truthOf(id: number, name: string): FlowTruth {
  const both = { forward: PACKETS, reverse: PACKETS };
  return {
    id,
    class: name,
    stack: 'ipv4/udp',
    stacks: ['ipv4/udp'],
    flow: flowIdOf(id),
    initiator: 'forward',
    packets: both,
    bytes: { forward: 400, reverse: 400 },
  };
}

/** Each direction on members of its own; all its packets on the first of them. */
export function seen(id: number, verdict: ObservedFlow['verdict'], forward: number, reverse: number): ObservedFlow {
  const common = { epoch: 0, packets: PACKETS, bytes: 400, kernelKey: '0'.repeat(16), stack: 'ipv4/udp', first: '1', last: '2' };
  const observations = [
    { ...common, member: forward, direction: 'forward' as const },
    { ...common, member: reverse, direction: 'reverse' as const },
  ];
  return { flow: flowIdOf(id), verdict, observations, errors: [], errorsElsewhere: false };
}

export function kept(id: number, member: number): ObservedFlow {
  return seen(id, 'consistent', member, member);
}

export function parted(id: number, traits: Partial<ViolationTraits>): ObservedFlow {
  const { flows: _, ...signature } = group({ stack: 'ipv4/udp', ...traits });
  return { ...seen(id, signature.kind, 0, 1), traits: signature };
}

export function observedOf(flows: readonly ObservedFlow[], truth: readonly FlowTruth[], change: Partial<RunFacts> = {}): Observed {
  const evidence = evidenceOf([epoch([1, 1])]);
  return { evidence, facts: factsOf(evidence, change), flows, ignoredByMember: [{}, {}], truth };
}

export function cellOf(outcome: Outcome, change: Partial<MatrixCell> = {}): MatrixCell {
  const answer = outcome === 'kept' ? 'yes' : outcome === 'split' || outcome === 'duplicated' ? 'no' : 'inconclusive';
  const counts = { flows: 96, split: 0, asymmetric: 0, duplicated: 0, membersUsed: 8 };
  return { class: 'ipv4-tcp', mode: 'hash', flags: [], answer, outcome, ...counts, ...change };
}

/** Cells by class, each list in the order of `runs`. */
export function matrixOf(
  runs: readonly GroupName[],
  rows: Readonly<Record<string, readonly MatrixCell[]>>,
  change: Partial<MatrixResult> = {},
): MatrixResult {
  return {
    schema: 'fanout-cluster/matrix@1',
    tool: { version: '0.1.0' },
    startedAt: '2026-11-22T12:00:00.000Z',
    durationMs: 14_321,
    host: { kernel: '6.18.44', cpus: 2 },
    source: { kind: 'lab', interface: 'cap0', injection: 'tap', seed: 7 },
    procs: 8,
    flowsPerClass: 96,
    runs: runs.map((run) => ({ ...run, doubts: [] })),
    leftOut: [],
    cells: Object.entries(rows).flatMap(([name, cells]) => cells.map((cell, i) => ({ ...cell, class: name, ...runs[i] }))),
    ...change,
  };
}

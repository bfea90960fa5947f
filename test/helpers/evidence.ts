/** Evidence and facts of a lab run in which all went well; tests change what they are about. */
import type { EpochEvidence, Evidence, StackEvidence, ViolationGroup } from '../../src/model/evidence.ts';
import type { RunFacts } from '../../src/model/run-facts.ts';
import type { MemberResult } from '../../src/model/run-result.ts';

export function epoch(twoWayByMember: readonly number[], reason?: string): EpochEvidence {
  return { members: twoWayByMember.length, twoWayByMember, ...(reason === undefined ? {} : { reason }) };
}

export function group(traits: Partial<ViolationGroup> = {}): ViolationGroup {
  return {
    kind: 'asymmetric',
    stack: 'ipv4/tcp',
    oneKernelKey: true,
    topBitPair: false,
    labelOneWay: false,
    fragments: 'none',
    staleIpv6: false,
    mixedWrappings: false,
    onOnePacket: false,
    sentTagged: false,
    tagsDiffer: false,
    wholeKeysDiffer: false,
    onlyIndexDiffers: false,
    flows: 3,
    ...traits,
  };
}

export function stackOf(stack: string, twoWayByMember: readonly number[], groups: readonly ViolationGroup[] = []): StackEvidence {
  const violating = (kind: string) => groups.filter((g) => g.stack === stack && g.kind === kind).reduce((sum, g) => sum + g.flows, 0);
  const kept = twoWayByMember.reduce((sum, n) => sum + n, 0);
  const [split, asymmetric, duplicated] = [violating('split'), violating('asymmetric'), violating('duplicated')];
  const flows = kept + split + asymmetric + duplicated;
  return {
    stack,
    flows,
    twoWay: flows,
    split,
    asymmetric,
    duplicated,
    twoWayByMember,
    kernelKeys: Math.min(64, flows),
    errorsElsewhere: 0,
    sentTagged: 0,
  };
}

/** Consistent flows as given, six packets each, and the violations of `groups` beside them. */
export function evidenceOf(
  epochs: readonly EpochEvidence[],
  groups: readonly ViolationGroup[] = [],
  change: Partial<Evidence> = {},
): Evidence {
  const length = Math.max(0, ...epochs.map((e) => e.twoWayByMember.length));
  const pooled = Array.from({ length }, (_, m) => epochs.reduce((sum, e) => sum + (e.twoWayByMember[m] ?? 0), 0));
  const kept = pooled.reduce((sum, n) => sum + n, 0);
  const count = (kind: string) => groups.filter((g) => g.kind === kind).reduce((sum, g) => sum + g.flows, 0);
  const violating = groups.reduce((sum, g) => sum + g.flows, 0);
  const names = [...new Set(['ipv4/tcp', ...groups.map((g) => g.stack)])];
  return {
    flows: {
      total: kept + violating,
      twoWay: kept + violating,
      oneWay: 0,
      consistent: kept,
      split: count('split'),
      asymmetric: count('asymmetric'),
      duplicated: count('duplicated'),
    },
    stacks: names.map((name) => stackOf(name, name === 'ipv4/tcp' ? pooled : pooled.map(() => 0), groups)),
    epochs,
    groups,
    violations: [],
    violationsOmitted: 0,
    flowsByMember: pooled,
    toldByMember: pooled.map((flows) => flows * 6),
    judgedPackets: (kept + violating) * 6,
    unjudgedPackets: 0,
    unjoinedFragments: 0,
    unmatchedErrors: 0,
    topFlowPackets: kept + violating > 0 ? 6 : 0,
    untracked: { observations: 0, packets: 0 },
    ...change,
  };
}

export function member(index: number, packets: number, change: Partial<MemberResult> = {}): MemberResult {
  return {
    index,
    pid: 4000 + index,
    packets,
    bytes: packets * 100,
    flows: Math.ceil(packets / 6),
    drops: 0,
    freezes: 0,
    end: 'gone',
    ...change,
  };
}

/** Facts whose accounts agree with the evidence. */
export function factsOf(evidence: Evidence, change: Partial<RunFacts> = {}): RunFacts {
  const packets = evidence.judgedPackets;
  const procs = change.procs ?? Math.max(1, ...evidence.epochs.map((e) => e.members));
  return {
    source: 'lab',
    interface: 'fan0',
    kernel: '6.18.44',
    dissector: { kind: 'none', asked: 'both' },
    mode: 'hash',
    flags: [],
    programMissing: false,
    procs,
    packets: { offered: packets, captured: packets, judged: packets, dropped: 0, overflowed: 0, outgoing: 0, ignored: {} },
    withheld: 0,
    members: Array.from({ length: procs }, (_, i) => member(i, Math.floor(packets / procs) + (i < packets % procs ? 1 : 0))),
    flowsMax: 16_777_216,
    contradictions: [],
    stop: 'end-of-traffic',
    disturbances: [],
    tolerated: [],
    maxLossPercent: 1,
    ...change,
  };
}

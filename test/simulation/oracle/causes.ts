/** Which causes may be named for a flow, by what the simulated kernel really did to it. */
import { CAUSES, type CauseCode } from '../../../src/model/cause.ts';
import { fateOf } from '../steering.ts';
import type { Flow } from '../traffic.ts';
import { isError, isLaterPiece, isUndisturbed, type LaneTruth } from './truth.ts';

const TUNNEL: readonly CauseCode[] = ['tunnel-outer-only'];

const BY_KIND: Readonly<Partial<Record<Flow['kind'], readonly CauseCode[]>>> = {
  vxlan: ['tunnel-outer-only'],
  esp: ['esp-ah-spi'],
  stale: ['known-bug-d'],
  fragments: ['fragment-v4'],
  'gtpu-fragments': ['fragment-v4'],
  // As far as both directions were seen.
  'vxlan-fragments': ['tunnel-outer-only', 'fragment-v4'],
  // Copies that are cut off at an end of the run are no copies any more: then their wrappings tell why they were split.
  copies: ['duplicated', 'tunnel-outer-only'],
};

export function rolledOver({ group, outcome }: LaneTruth): boolean {
  if (!group.steering.rollsOver) return false;
  return outcome.world.crew.processes.some(({ members }) =>
    members.some(({ socket }) => socket?.group === group && socket.rollover.all > 0),
  );
}

export function isCopied({ kind }: Flow): boolean {
  return kind === 'copies' || kind === 'twins';
}

/** None: the flow cannot have been split while the group did not change. */
export function causesOf(truth: LaneTruth, flow: Flow): readonly CauseCode[] {
  const { mode } = truth.group.steering;
  const copied: readonly CauseCode[] = isCopied(flow) ? ['duplicated'] : [];
  switch (mode) {
    case 'lb':
      return ['lb-by-design'];
    case 'rnd':
      return ['rnd-by-design'];
    case 'rollover':
      return ['rollover-under-load'];
    case 'hash':
      return causesOfHash(truth, flow);
    case 'qm':
    case 'cpu':
      if (rolledOver(truth)) return ['unexplained', ...copied];
      return truth.outcome.scenario.traffic.symmetricQueues ? [] : ['rss-asymmetric', ...copied];
    case 'cbpf':
    case 'ebpf':
      if (rolledOver(truth)) return ['unexplained', ...copied];
      return !truth.group.steering.hasProgram || truth.outcome.scenario.traffic.symmetricProgram ? [] : ['bpf-program', ...copied];
  }
}

function causesOfHash(truth: LaneTruth, flow: Flow): readonly CauseCode[] {
  const { trait } = truth.group.steering;
  const byDesign = flow.kind === 'vxlan-fragments' && isSeenBothWays(truth, flow) ? TUNNEL : (BY_KIND[flow.kind] ?? []);
  const rolled: readonly CauseCode[] = rolledOver(truth) ? ['rollover-under-load'] : [];
  switch (fateOf(trait, flow)) {
    case 'kept':
      return [...rolled, ...byDesign];
    case 'scattered':
      // Of a kernel that was published with a bug nobody expects another one.
      // And where all IPv6 flows have a label in one direction, those that failed have one, whatever failed.
      return [...rolled, ...byDesign, 'hash-asymmetric', ...bugsOf(flow).filter((bug) => bug === 'known-bug-c' || isKnownOf(bug, truth))];
    case 'directed':
      return [...rolled, ...byDesign, 'hash-asymmetric', ...bugsOf(flow)];
  }
}

/** Then nothing can hide that whole packets differ, too: later pieces alone say nothing of that. */
function isSeenBothWays(truth: LaneTruth, flow: Flow): boolean {
  const own = (truth.byFlow.get(flow) ?? []).filter((delivery) => !isError(delivery) && !isLaterPiece(delivery));
  return isUndisturbed(truth) && new Set(own.map(({ packet }) => packet.direction)).size === 2;
}

function isKnownOf(bug: CauseCode, { outcome }: LaneTruth): boolean {
  const release = outcome.scenario.kernelRelease;
  const isOld = release.startsWith('4.4.');
  if (bug === 'known-bug-a') return isOld;
  return bug === 'known-bug-b' && (isOld || release.startsWith('5.10.'));
}

function bugsOf({ kind }: Flow): readonly CauseCode[] {
  if (kind === 'top-bit') return ['known-bug-a', 'known-bug-b'];
  return kind === 'labelled' ? ['known-bug-a', 'known-bug-c'] : ['known-bug-a'];
}

export function counts({ options }: LaneTruth, code: CauseCode): boolean {
  return !CAUSES[code].harmless && !options.tolerated.includes(code);
}

/** What is in a packet decides, or where in the network it came from: such a cause proves nothing of live traffic if one packet is all of it. */
const MADE_BY_SENDERS: readonly CauseCode[] = [
  'tunnel-outer-only',
  'known-bug-c',
  'known-bug-d',
  'fragment-v4',
  'duplicated',
  'rss-asymmetric',
  'bpf-program',
  'unexplained',
];

/** Of several causes one may be the sender's. */
export function mayBeSenders(truth: LaneTruth, flow: Flow): boolean {
  return truth.outcome.scenario.source === 'live' && causesOf(truth, flow).some((code) => MADE_BY_SENDERS.includes(code));
}

export function isSenders(truth: LaneTruth, flow: Flow): boolean {
  return mayBeSenders(truth, flow) && causesOf(truth, flow).every((code) => MADE_BY_SENDERS.includes(code));
}

/** Mode lb and rnd never promised affinity: that is enough for a NO. */
export function designOf({ group }: LaneTruth): CauseCode | undefined {
  if (group.steering.mode === 'lb') return 'lb-by-design';
  return group.steering.mode === 'rnd' ? 'rnd-by-design' : undefined;
}

/**
 * The kernel's known asymmetric hashes, told by the pattern of what failed. Pure. Release numbers do not decide alone: vendors take fixes
 * over and back, and a BPF flow dissector can do all that these bugs did.
 */
import type { StackEvidence, ViolationGroup, ViolationTraits } from '../model/evidence.ts';
import { isAtLeast, isOnBranchFrom, type KernelRelease, parseKernelRelease } from '../model/kernel-release.ts';
import { FALSE_PASS_LIMIT, logBinomialBound, sum } from './confidence.ts';
import { family, hasLayer, OUTER_HASHED } from './stack-layers.ts';

export type HashBug = 'known-bug-a' | 'known-bug-b' | 'known-bug-c';

interface HashEvidence {
  readonly kernel: string;
  readonly procs: number;
  readonly groups: readonly ViolationGroup[];
  readonly stacks: readonly StackEvidence[];
}

/** What the failures of a run have in common, found once. */
export interface HashFindings {
  /** Stacks of which the flows that failed did so as by bug A. */
  readonly directed: ReadonlySet<string>;
  /** All IPv4 flows that failed are of the class that bug B hits, and that is no accident. */
  readonly onlyTopBit: boolean;
  /** The same for IPv6 and bug C. */
  readonly onlyLabelOneWay: boolean;
}

export function findHashBugs(evidence: HashEvidence): HashFindings {
  return {
    directed: directedStacks(evidence),
    onlyTopBit: isNarrow(evidence, 4, 'known-bug-b', ({ topBitPair }) => topBitPair),
    onlyLabelOneWay: isNarrow(evidence, 6, 'known-bug-c', ({ labelOneWay }) => labelOneWay),
  };
}

/** The bug that a parted kernel key is the mark of; none where what was seen establishes none. */
export function hashBugOf(traits: ViolationTraits, { directed, onlyTopBit, onlyLabelOneWay }: HashFindings): HashBug | undefined {
  if (!traits.oneKernelKey) return undefined;
  if (traits.labelOneWay && onlyLabelOneWay) return 'known-bug-c';
  // Bug B never splits one direction.
  if (traits.topBitPair && onlyTopBit && traits.kind === 'asymmetric') return 'known-bug-b';
  return directed.has(traits.stack) ? 'known-bug-a' : undefined;
}

/** Whether the release is one of those that were published with the bug. */
export function isReleaseWith(bug: HashBug, kernel: string): boolean {
  const release = parseKernelRelease(kernel);
  return release !== undefined && RELEASES[bug](release);
}

const RELEASES: Readonly<Record<HashBug, (release: KernelRelease) => boolean>> = {
  'known-bug-a': (release) => {
    if (!isAtLeast(release, 4, 2) || isAtLeast(release, 4, 7)) return false;
    if (isOnBranchFrom(release, 4, 4, 16) || isOnBranchFrom(release, 4, 6, 5)) return false;
    // Ubuntu's fixes show in the build only.
    return !(release.major === 4 && release.minor === 4 && release.patch === 0 && release.build >= 38);
  },
  'known-bug-b': (release) => isAtLeast(release, 4, 2) && !isAtLeast(release, 6, 0),
  'known-bug-c': (release) => {
    if (!isAtLeast(release, 4, 7) || isAtLeast(release, 6, 6)) return false;
    return !isOnBranchFrom(release, 5, 10, 195) && !isOnBranchFrom(release, 5, 15, 132) && !isOnBranchFrom(release, 6, 1, 54);
  },
};

/**
 * So many failures that random ones would not all be of the narrow class: the lab's probe flows are 2 of 11 classes of their family, and
 * (2/11)^9 is below the limit.
 */
const NARROW_FAILURES_MIN = 9;

/**
 * Bugs B and C hit a narrow class of flows. If others of their family fail too, the whole hash is asymmetric and the pattern proves nothing;
 * and where the release does not tell, neither do a few failures, nor failures among flows of which too few stayed together.
 */
function isNarrow(evidence: HashEvidence, wanted: 4 | 6, bug: HashBug, isHit: (group: ViolationGroup) => boolean): boolean {
  const failures = evidence.groups.filter((group) => isFailure(group) && family(group.stack) === wanted);
  if (failures.length === 0 || !failures.every(isHit)) return false;
  if (isReleaseWith(bug, evidence.kernel)) return true;
  const failed = sum(failures.map(({ flows }) => flows));
  const kept = sum(evidence.stacks.filter(({ stack }) => family(stack) === wanted && isHashed(stack)).map(keptOf));
  const chance = partedByChance(evidence.procs);
  return failed >= NARROW_FAILURES_MIN && failed < (failed + kept) * chance && isRefuted(failed, failed + kept, chance);
}

/** Fewer flows may all be parted, or none, where a hash parts only some: they would bend what all stacks add up to. */
const STACK_FLOWS_MIN = 8;

/**
 * Bug A hashes each direction by itself, so that (n-1)/n of the flows are parted. A stack shows it if its flows were parted about as often,
 * and the run proves it if all such stacks together were so at more than half the rate of chance beyond doubt: no minority of the flows.
 */
function directedStacks(evidence: HashEvidence): ReadonlySet<string> {
  const tallies = talliesOf(evidence);
  if (isReleaseWith('known-bug-a', evidence.kernel)) return new Set(tallies.map(({ stack }) => stack));
  const chance = partedByChance(evidence.procs);
  const isAsOften = ({ parted, flows, areIndependent }: Tally) => !areIndependent || !isRefuted(parted, flows, chance);
  const directed = tallies.filter((tally) => tally.parted > 0 && !tally.hasSplit && isAsOften(tally));
  const telling = directed.filter(({ flows, areIndependent }) => flows >= STACK_FLOWS_MIN && areIndependent);
  const [parted, flows] = [sum(telling.map((tally) => tally.parted)), sum(telling.map((tally) => tally.flows))];
  const isMost = parted > (flows * chance) / 2 && isRefuted(parted, flows, chance / 2);
  return isMost && !isRefuted(parted, flows, chance) ? new Set(directed.map(({ stack }) => stack)) : new Set();
}

/** Two-way flows of one stack, as far as they are a matter of the hash. */
interface Tally {
  readonly stack: string;
  readonly parted: number;
  readonly flows: number;
  /** One direction on several members with one kernel key: no matter of directions. */
  readonly hasSplit: boolean;
  /** Flows of one kernel key have one fate. */
  readonly areIndependent: boolean;
}

function talliesOf({ groups, stacks }: HashEvidence): readonly Tally[] {
  const failures = groups.filter(isFailure);
  return stacks.map((evidence): Tally => {
    const { stack, kernelKeys } = evidence;
    const failed = failures.filter((group) => group.stack === stack);
    const parted = sum(failed.filter(({ kind }) => kind === 'asymmetric').map(({ flows }) => flows));
    const flows = parted + keptOf(evidence);
    // A fragment or an outer header gives a direction several keys: then its split says nothing about one key.
    const hasSplit = isHashed(stack) && failed.some(({ kind, fragments }) => kind === 'split' && !fragments);
    return { stack, parted, flows, hasSplit, areIndependent: isHashed(stack) && kernelKeys >= Math.min(flows, KERNEL_KEYS_MAX) };
  });
}

/** Evidence counts kernel keys up to this. */
const KERNEL_KEYS_MAX = 64;

/** Consistent two-way flows that could each have failed: those of several epochs count once, and those of one kernel key too. */
function keptOf({ twoWay, twoWayByMember, kernelKeys }: StackEvidence): number {
  const kept = Math.min(twoWay, sum(twoWayByMember));
  return kernelKeys < KERNEL_KEYS_MAX ? Math.min(kept, kernelKeys) : kept;
}

function isFailure({ oneKernelKey, kind, movedAtChange }: ViolationGroup): boolean {
  return oneKernelKey && kind !== 'duplicated' && movedAtChange !== true;
}

/** Whether the kernel's hash covers the flow that an IDS tracks, and not an outer one. */
function isHashed(stack: string): boolean {
  return !hasLayer(stack, OUTER_HASHED);
}

function partedByChance(procs: number): number {
  return 1 - 1 / procs;
}

/** Whether `count` of `all` is too far from the expected share for chance, on either side. */
function isRefuted(count: number, all: number, share: number): boolean {
  return logBinomialBound(count, all, share) <= Math.log(FALSE_PASS_LIMIT);
}

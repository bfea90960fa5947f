/**
 * The kernel's known asymmetric hashes, told by the pattern of what failed. Pure. Release numbers do not decide alone: vendors take fixes
 * over and back, and a BPF flow dissector can do all that these bugs did.
 */
import type { StackEvidence, ViolationGroup, ViolationTraits } from '../../model/evidence.ts';
import type { CauseArgs, CauseFlows } from '../../model/findings/cause.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import { hasBugB, hasBugC, type KernelBugs } from '../../model/kernel-model.ts';
import {
  has,
  isAtLeast,
  type KernelIdentity,
  type KernelRelease,
  kernelText,
  type Presence,
  parseKernelRelease,
} from '../../model/kernel-release.ts';
import { FALSE_PASS_LIMIT, logBinomialBound, sum } from './confidence.ts';
import { family, hasLayer, OUTER_HASHED } from './stack-layers.ts';

export type HashBug = 'known-bug-a' | 'known-bug-b' | 'known-bug-c';

interface HashEvidence {
  readonly kernel: string | KernelIdentity;
  readonly procs: number;
  readonly groups: readonly ViolationGroup[];
  readonly stacks: readonly StackEvidence[];
}

/** What the failures of a run have in common, found once. */
export interface HashFindings {
  /** Stacks of which the flows that failed did so whatever they carry, as by the hash of a NIC. */
  readonly directed: ReadonlySet<string>;
  /** All flows that failed differ in what bug A hashed, and that is no accident. */
  readonly onlyTagsDiffer: boolean;
  /** All IPv4 flows that failed are of the class that bug B hits, and that is no accident. */
  readonly onlyTopBit: boolean;
  /** The same for IPv6 and bug C. */
  readonly onlyLabelOneWay: boolean;
}

export function findHashBugs(evidence: HashEvidence): HashFindings {
  const failures = evidence.groups.filter(isFailure);
  const onlyTopBit = isNarrow(evidence, failures, TOP_BIT);
  const onlyTagsDiffer = isNarrow(evidence, failures, TAGS);
  // Kernels with bug A have bug B, too.
  const both = isNarrow(evidence, failures.filter(isNot(TAGS)), TOP_BIT) && isNarrow(evidence, failures.filter(isNot(TOP_BIT)), TAGS);
  return {
    directed: directedStacks(evidence),
    onlyTagsDiffer: onlyTagsDiffer || both,
    onlyTopBit: onlyTopBit || both,
    onlyLabelOneWay: isNarrow(evidence, failures, LABEL),
  };
}

/** The class of flows that a bug hits. */
interface Narrow {
  readonly bug: HashBug;
  /** Of these flows alone; absent: of all. */
  readonly family?: 4 | 6;
  readonly isHit: (traits: ViolationTraits) => boolean;
}

const TOP_BIT: Narrow = { bug: 'known-bug-b', family: 4, isHit: ({ topBitPair }) => topBitPair };
const LABEL: Narrow = { bug: 'known-bug-c', family: 6, isHit: ({ labelOneWay }) => labelOneWay };
const TAGS: Narrow = { bug: 'known-bug-a', isHit: ({ tagsDiffer }) => tagsDiffer };

function isNot({ isHit }: Narrow): (traits: ViolationTraits) => boolean {
  return (traits) => !isHit(traits);
}

/** The bug that a kernel key that was split is the mark of; none where what was seen establishes none. */
export function hashBugOf(
  traits: ViolationTraits,
  { directed, onlyTagsDiffer, onlyTopBit, onlyLabelOneWay }: HashFindings,
): HashBug | undefined {
  if (!traits.oneKernelKey) return undefined;
  if (traits.labelOneWay && onlyLabelOneWay) return 'known-bug-c';
  // Bug B never splits one direction.
  if (traits.topBitPair && onlyTopBit && traits.kind === 'asymmetric') return 'known-bug-b';
  return (traits.tagsDiffer && onlyTagsDiffer) || directed.has(traits.stack) ? 'known-bug-a' : undefined;
}

/** Whether the release is one of those that were published with the bug. */
function isReleaseWith(bug: HashBug, kernel: string | KernelIdentity): Presence {
  const release = parseKernelRelease(kernel);
  return release === undefined ? 'unknown' : RELEASES[bug](release);
}

interface Host {
  readonly kernel: string | KernelIdentity;
  readonly dissector: FlowDissector;
  /** Of a prediction: the kernel is taken to have the bug. */
  readonly modelled?: KernelBugs;
}

/** What is known of the kernel that showed the pattern of a bug. A flow dissector may have made it where the release does not speak for the bug. */
export function knownBug(bug: HashBug, { kernel, dissector, modelled }: Host): Omit<CauseArgs[HashBug], keyof CauseFlows | 'by'> {
  const byRelease = isReleaseWith(bug, kernel);
  const isEstablished = modelled !== undefined || (byRelease === 'yes' && dissector.kind !== 'attached');
  return { kernel: kernelText(kernel), byRelease, ...(isEstablished ? {} : { dissector }) };
}

const RELEASES: Readonly<Record<HashBug, (release: KernelRelease) => Presence>> = {
  'known-bug-a': (release) => {
    if (!isAtLeast(release, 4, 2)) return release.isVague ? 'unknown' : 'no';
    // Ubuntu's fixes show in the build only.
    if (release.major === 4 && release.minor === 4 && release.patch === 0 && release.build > 0) return release.build >= 38 ? 'no' : 'yes';
    const isMended = has(
      release,
      [4, 7],
      [
        [4, 4, 16],
        [4, 6, 5],
      ],
    );
    return isMended === 'unknown' ? isMended : isMended === 'yes' ? 'no' : 'yes';
  },
  'known-bug-b': hasBugB,
  'known-bug-c': hasBugC,
};

/**
 * So many failures that random ones would not all be of the narrow class: the lab's probe flows are 2 of 11 classes of their family, and
 * (2/11)^9 is below the limit.
 */
const NARROW_FAILURES_MIN = 9;

/**
 * Each bug hits a narrow class of flows. If others of their family fail too, the whole hash is asymmetric and the pattern proves nothing;
 * and where the release does not tell, neither do a few failures, nor failures among flows of which too few stayed together.
 */
function isNarrow(evidence: HashEvidence, all: readonly ViolationGroup[], { bug, family: wanted, isHit }: Narrow): boolean {
  const isOfFamily = (stack: string): boolean => wanted === undefined || family(stack) === wanted;
  const failures = all.filter(({ stack }) => isOfFamily(stack));
  if (failures.length === 0 || !failures.every(isHit)) return false;
  if (isReleaseWith(bug, evidence.kernel) === 'yes') return true;
  const failed = sum(failures.map(({ flows }) => flows));
  const kept = sum(evidence.stacks.filter(({ stack }) => isOfFamily(stack) && isHashed(stack)).map(keptOf));
  const chance = splitByChance(evidence.procs);
  return failed >= NARROW_FAILURES_MIN && failed < (failed + kept) * chance && isRefuted(failed, failed + kept, chance);
}

/** Fewer flows may all be split, or none, where a hash splits only some: they would bend what all stacks add up to. */
const STACK_FLOWS_MIN = 8;

/**
 * A hash of each direction by itself, such as that of a NIC, parts (n-1)/n of the flows. A stack shows it if its flows were split about as often,
 * and the run proves it if all such stacks together were so at more than half the rate of chance beyond doubt: no minority of the flows.
 */
function directedStacks(evidence: HashEvidence): ReadonlySet<string> {
  const tallies = talliesOf(evidence);
  if (isReleaseWith('known-bug-a', evidence.kernel) === 'yes') return new Set(tallies.map(({ stack }) => stack));
  const chance = splitByChance(evidence.procs);
  const isAsOften = ({ asymmetric, flows, areIndependent }: Tally) => !areIndependent || !isRefuted(asymmetric, flows, chance);
  const directed = tallies.filter((tally) => tally.asymmetric > 0 && !tally.hasSplit && isAsOften(tally));
  const telling = directed.filter(({ flows, areIndependent }) => flows >= STACK_FLOWS_MIN && areIndependent);
  const [asymmetric, flows] = [sum(telling.map((tally) => tally.asymmetric)), sum(telling.map((tally) => tally.flows))];
  const isMost = asymmetric > (flows * chance) / 2 && isRefuted(asymmetric, flows, chance / 2);
  return isMost && !isRefuted(asymmetric, flows, chance) ? new Set(directed.map(({ stack }) => stack)) : new Set();
}

/** Two-way flows of one stack, as far as they are a matter of the hash. */
interface Tally {
  readonly stack: string;
  readonly asymmetric: number;
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
    const asymmetric = sum(failed.filter(({ kind }) => kind === 'asymmetric').map(({ flows }) => flows));
    const flows = asymmetric + keptOf(evidence);
    // A fragment or an outer header gives a direction several keys: then its split says nothing about one key.
    const hasSplit = isHashed(stack) && failed.some(({ kind, fragments }) => kind === 'split' && fragments === 'none');
    return { stack, asymmetric, flows, hasSplit, areIndependent: isHashed(stack) && kernelKeys >= Math.min(flows, KERNEL_KEYS_MAX) };
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

function splitByChance(procs: number): number {
  return 1 - 1 / procs;
}

/** Whether `count` of `all` is too far from the expected share for chance, on either side. */
function isRefuted(count: number, all: number, share: number): boolean {
  return logBinomialBound(count, all, share) <= Math.log(FALSE_PASS_LIMIT);
}

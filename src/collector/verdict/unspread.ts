/** Why one process gets all of a kind of traffic, though no flow was split. Pure. */
import type { Evidence, StackEvidence } from '../../model/evidence.ts';
import type { FanoutMode } from '../../model/fanout.ts';
import { finding } from '../../model/finding.ts';
import type { CauseArgs, UnspreadKind } from '../../model/findings/cause.ts';
import { READERS } from '../../model/reader.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { FoundCause, PacketCounts } from '../../model/run-result.ts';
import { FALSE_PASS_LIMIT, sum } from './confidence.ts';
import { readersByStack, readersOf } from './readers.ts';
import { FURTHER_STACKS, hiddenBehind, isPortless, isTunnelled, startsWithHsr } from './stack-layers.ts';

/** Kinds of traffic that one process gets all of, by their stacks. */
export function findUnspread({ stacks, epochs }: Evidence, { mode, procs, dissector }: RunFacts): readonly StackEvidence[] {
  // A BPF flow dissector makes keys of its own.
  if (mode !== 'hash' || procs === 1 || dissector.kind === 'attached') return [];
  return findOneKeyed(stacks, procs).filter((stack) => wasOnOneMember(stack, epochs.length));
}

/** Kinds of traffic whose flows all have one kernel key. */
export function findOneKeyed(stacks: readonly StackEvidence[], procs: number): readonly StackEvidence[] {
  return stacks.filter((stack) => stack.stack !== FURTHER_STACKS && stack.kernelKeys === 1 && stack.flows >= severalFlows(stack, procs));
}

/** What decides whether frames without a flow are a burden. */
export interface Load {
  readonly mode: FanoutMode;
  readonly procs: number;
  readonly packets: Pick<PacketCounts, 'captured' | 'ignored'>;
  readonly members: readonly { readonly packets: number }[];
}

/**
 * Two flows may have one key by an exchange of their ports; a third one with it means that the hash does not see what tells them apart. Flows
 * that have no ports to see are of one pair of hosts, and that is worth a word only if they are too many for chance (n^(1-F)).
 */
function severalFlows({ stack }: StackEvidence, procs: number): number {
  const three = 3;
  if (!isPortless(stack) || isTunnelled(stack) || hiddenBehind(stack) !== undefined) return three;
  return Math.max(three, 1 + Math.ceil(-Math.log(FALSE_PASS_LIMIT) / Math.log(procs)));
}

// A hash that is broken can split even packets of one key. In another epoch it is another member.
function wasOnOneMember({ split, asymmetric, duplicated, twoWayByMember }: StackEvidence, epochs: number): boolean {
  return split + asymmetric + duplicated === 0 && (epochs > 1 || twoWayByMember.filter((count) => count > 0).length <= 1);
}

/** The cause `no-spread`, of flows and of packets that belong to none. */
export function noSpread(unspread: readonly StackEvidence[], load: Load): readonly FoundCause[] {
  const kinds = KINDS.map((kind) => ({ kind, found: unspread.filter((stack) => kindOf(stack) === kind) }))
    .filter(({ found }) => found.length > 0)
    .map(({ kind, found }) => {
      const stacks = found.map(({ stack }) => stack).sort();
      return { kind, flows: flowsOf(found), stacks, readers: isReadByAll(stacks) ? [] : readersByStack(stacks) };
    });
  const types = unspreadFrames(load);
  if (kinds.length + types.length === 0) return [];
  const frames = types.length === 0 ? {} : { frames: { types, captured: load.packets.captured } };
  return [{ ...finding('no-spread', { kinds, ...frames }), flows: flowsOf(unspread), harmless: true }];
}

function flowsOf(stacks: readonly StackEvidence[]): number {
  return sum(stacks.map(({ flows }) => flows));
}

function isReadByAll(stacks: readonly string[]): boolean {
  return stacks.every((stack) => readersOf(stack).length === READERS.length);
}

/** In the order in which they are told. */
const KINDS: readonly UnspreadKind[] = ['sent', 'label', 'tag', 'hsr', 'tunnel', 'portless', 'hidden'];

function kindOf({ stack, sentTagged }: StackEvidence): UnspreadKind {
  if (sentTagged > 0) return 'sent';
  const behind = hiddenBehind(stack);
  if (behind !== undefined) return behind === 'mpls' ? 'label' : 'tag';
  if (startsWithHsr(stack)) return 'hsr';
  if (isTunnelled(stack)) return 'tunnel';
  return isPortless(stack) ? 'portless' : 'hidden';
}

/** The cause `bpf-program-missing`. */
export function programMissing({ flows }: Evidence, { mode, programMissing: isMissing }: RunFacts): readonly FoundCause[] {
  return isMissing ? [{ ...finding('bpf-program-missing', { mode }), flows: flows.total, harmless: true }] : [];
}

/** Less is no burden. */
const LARGE_SHARE = 0.1;

/** Frames that are no flows, where those of one type are more than a process's fair share and may all have been on one. */
function unspreadFrames({ mode, procs, packets, members }: Load): NonNullable<CauseArgs['no-spread']['frames']>['types'] {
  if (mode !== 'hash' || procs === 1) return [];
  const most = Math.max(0, ...members.map((member) => member.packets));
  return Object.entries(packets.ignored)
    .filter(([reason, count]) => reason.startsWith('ethertype ') && count <= most)
    .filter(([, count]) => count > packets.captured * Math.max(LARGE_SHARE, 1 / procs))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([reason, count]) => ({ reason, packets: count }));
}

/** From all that one run saw to the cells of its mode. Pure. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import type { Observed } from '../../collector/run/io.ts';
import { boundWarnings } from '../../collector/verdict/bounds.ts';
import { isConfident, sum } from '../../collector/verdict/confidence.ts';
import { causeOf, type DiagnosisContext } from '../../collector/verdict/diagnose.ts';
import { integrityDoubts } from '../../collector/verdict/doubts.ts';
import { diagnosisContext } from '../../collector/verdict/judge.ts';
import { CAUSES, type CauseCode } from '../../model/cause.ts';
import { flowPromise, type GroupName, groupNameOf } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { Answer, FlowId } from '../../model/run-result.ts';
import type { FlowTruth } from '../../traffic/traffic.ts';
import type { MatrixCell, Outcome } from './result.ts';

/** What the frames of a class are to a worker that sees them one by one. */
export interface ClassSample {
  /** Each names its flow itself, so that every packet sent must be found again in its flow. */
  readonly isWhole: boolean;
  /** The kernel hashes the same fields of all of them, however many flows there are. */
  readonly hasOneKernelKey: boolean;
  /** Where they belong to no flow: how workers count them. */
  readonly ignoredAs?: string;
}

/** What the flows of one class came to. */
interface Tally {
  split: number;
  asymmetric: number;
  duplicated: number;
  errorsElsewhere: number;
  packets: number;
  /** Consistent flows by member. */
  readonly kept: number[];
  readonly members: Set<number>;
  readonly causes: Map<CauseCode, number>;
}

/** What was sent of one class. */
interface Sent {
  flows: number;
  packets: number;
}

/** The class of every flow that was sent. No two classes of a run may have a flow in common, or its cells would be about both. */
export function classesByFlow(truth: readonly FlowTruth[]): ReadonlyMap<string, string> {
  const classes = new Map<string, string>();
  for (const { flow, class: name } of truth) {
    if (flow === undefined) continue;
    const key = keyOf(flow);
    const other = classes.get(key);
    if (other !== undefined) throw new TypeError(`a flow of ${name} is one of ${other} too: ${key}`);
    classes.set(key, name);
  }
  return classes;
}

function keyOf({ proto, src, sport, dst, dport }: FlowId): string {
  return `${proto} ${src} ${sport} ${dst} ${dport}`;
}

/** Everything that makes the whole run doubtful, whichever class it is about. */
export function doubtsOf(observed: Observed): readonly Finding[] {
  const { evidence, facts } = observed;
  const classes = classesByFlow(observed.truth);
  const strays = observed.flows.filter(({ flow }) => !classes.has(keyOf(flow))).length;
  const interrupted: readonly Finding[] = facts.stop === 'end-of-traffic' ? [] : [finding('interrupted', { when: 'before-all-traffic' })];
  return [...integrityDoubts(evidence, facts), ...strayDoubt(strays), ...boundWarnings(evidence, facts), ...interrupted];
}

function strayDoubt(strays: number): readonly Finding[] {
  if (strays === 0) return [];
  return [finding('accounting-mismatch', { kind: 'strays', flows: strays })];
}

/** One cell for each class that was sent, in the order of `samples`. */
export function cellsOf(observed: Observed, samples: ReadonlyMap<string, ClassSample>, doubts: readonly Doubt[]): readonly MatrixCell[] {
  const context = diagnosisContext(observed.evidence, observed.facts);
  const tallies = tallyFlows(observed, context);
  const sent = sentByClass(observed.truth);
  const { mode } = observed.facts;
  return [...samples].map(([name, sample]) => {
    const total = sent.get(name) ?? { flows: 0, packets: 0 };
    const finding =
      sample.ignoredAs === undefined
        ? judgeFlows(tallies.get(name) ?? createTally(), total, sample, doubts, context)
        : judgeFrames(observed.ignoredByMember, sample.ignoredAs, total, doubts);
    const isUnspread = finding.outcome === 'one-member' && mode === 'hash' && sample.hasOneKernelKey;
    return { class: name, ...groupNameOf(observed.facts), ...finding, ...(isUnspread ? { cause: 'no-spread' } : {}) };
  });
}

/** All that matters here is that there are some, and of what kind the first is. */
type Doubt = Pick<Finding, 'code'>;

type Judged = Omit<MatrixCell, 'class' | keyof GroupName>;

function createTally(): Tally {
  const counts = { split: 0, asymmetric: 0, duplicated: 0, errorsElsewhere: 0, packets: 0 };
  return { ...counts, kept: [], members: new Set(), causes: new Map() };
}

function tallyFlows({ flows, truth }: Observed, context: DiagnosisContext): ReadonlyMap<string, Tally> {
  const classes = classesByFlow(truth);
  const tallies = new Map<string, Tally>();
  for (const flow of flows) {
    const name = classes.get(keyOf(flow.flow));
    if (name === undefined) continue;
    const tally = tallies.get(name) ?? createTally();
    tallies.set(name, tally);
    addFlow(tally, flow, context);
  }
  return tallies;
}

function addFlow(tally: Tally, flow: ObservedFlow, context: DiagnosisContext): void {
  const { verdict, traits, observations, errors, errorsElsewhere } = flow;
  if (verdict === 'none' || verdict === 'one-way') return;
  for (const { member, packets } of observations) {
    tally.members.add(member);
    tally.packets += packets;
  }
  tally.packets += sum(errors.map(({ packets }) => packets));
  if (errorsElsewhere) tally.errorsElsewhere += 1;
  const [first] = observations;
  if (verdict === 'consistent') {
    if (first !== undefined) tally.kept[first.member] = (tally.kept[first.member] ?? 0) + 1;
    return;
  }
  tally[verdict] += 1;
  const cause = traits === undefined ? 'unexplained' : causeOf(traits, context);
  tally.causes.set(cause, (tally.causes.get(cause) ?? 0) + 1);
}

function sentByClass(truth: readonly FlowTruth[]): ReadonlyMap<string, Sent> {
  const byClass = new Map<string, Sent>();
  for (const { class: name, packets } of truth) {
    const sent = byClass.get(name) ?? { flows: 0, packets: 0 };
    byClass.set(name, sent);
    sent.flows += 1;
    sent.packets += packets.forward + packets.reverse;
  }
  return byClass;
}

function judgeFlows(tally: Tally, sent: Sent, { isWhole }: ClassSample, doubts: readonly Doubt[], { mode }: DiagnosisContext): Judged {
  const { split, asymmetric, duplicated, members } = tally;
  const kept = Array.from(tally.kept, (count = 0) => count);
  const flows = sum(kept) + split + asymmetric + duplicated;
  const found = (answer: Answer, outcome: Outcome, why: { readonly cause?: string; readonly reason?: string } = {}): Judged => {
    return { answer, outcome, ...why, flows, split, asymmetric, duplicated, membersUsed: members.size };
  };
  const against = mostFrequent(tally.causes, false);
  if (against !== undefined) return found('no', duplicated > split + asymmetric ? 'duplicated' : 'split', { cause: against });
  const [doubt] = doubts;
  if (doubt !== undefined) return found('inconclusive', 'doubtful', { reason: doubt.code });
  if (flows < sent.flows || (isWhole && tally.packets !== sent.packets))
    return found('inconclusive', 'doubtful', { reason: 'accounting-mismatch' });
  // That some flows were kept where others of their kind were not was luck, however many they are.
  const harmless = mostFrequent(tally.causes, true);
  if (harmless !== undefined) return found('inconclusive', 'apart', { cause: harmless, reason: harmless });
  const errors = tally.errorsElsewhere > 0 ? { cause: 'icmp-error' } : {};
  if (members.size === 1) return found('inconclusive', 'one-member', { ...errors, reason: 'one-member' });
  // A mode that deals packets out has kept flows by chance, if it has.
  if (!isConfident([kept]) || flowPromise(mode) === 'spread')
    return found('inconclusive', 'few-flows', { ...errors, reason: 'too-few-flows' });
  return found('yes', 'kept', errors);
}

/** The cause of most flows among those that weigh against the mode, or among the harmless ones. */
function mostFrequent(causes: ReadonlyMap<CauseCode, number>, harmless: boolean): CauseCode | undefined {
  const [most] = [...causes].filter(([code]) => CAUSES[code].harmless === harmless).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return most?.[0];
}

/** Frames of no flow: all that can be said is which members counted them, and whether all of them were. */
function judgeFrames(ignoredByMember: Observed['ignoredByMember'], reason: string, sent: Sent, doubts: readonly Doubt[]): Judged {
  const byMember = ignoredByMember.map((ignored) => ignored[reason] ?? 0);
  const membersUsed = byMember.filter((packets) => packets > 0).length;
  const nothing = { flows: 0, split: 0, asymmetric: 0, duplicated: 0, membersUsed };
  const doubt = doubts[0]?.code ?? (sum(byMember) === sent.packets ? undefined : 'accounting-mismatch');
  if (doubt !== undefined) return { answer: 'inconclusive', outcome: 'doubtful', reason: doubt, ...nothing };
  const outcome = membersUsed === 1 ? 'one-member' : 'no-flows';
  return { answer: 'inconclusive', outcome, reason: outcome, ...nothing };
}

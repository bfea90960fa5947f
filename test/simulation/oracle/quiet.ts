/** Where nothing was lost and the group stayed as it was the oracle knows the whole answer beforehand. */
import type { Answer } from '../../../src/model/run-result.ts';
import type { Delivery } from '../kernel.ts';
import type { Flow } from '../traffic.ts';
import { isOrphan } from './accounts.ts';
import { causesOf, counts, designOf, isSenders, mayBeSenders, rolledOver } from './causes.ts';
import { isError, isParted, isUndisturbed, type LaneTruth, nameOf, placesOf, restsOnOnePacket } from './truth.ts';
import { boundOf } from './yes.ts';

const FALSE_PASS_LIMIT = 1e-6;
/** Each direction has a kernel key of its own. */
const SCATTERED: readonly Flow['kind'][] = ['esp', 'vxlan', 'vxlan-fragments', 'stale'];

/** In the order in which a worse one outranks a better. */
const VERDICTS = ['one-way', 'consistent', 'parted'] as const;
type Verdict = (typeof VERDICTS)[number];

/** Consistent two-way flows by member, epoch by epoch. */
type Kept = ReadonlyMap<number, ReadonlyMap<number, number>>;

interface Expected {
  readonly flows: ReadonlyMap<Flow, Verdict>;
  readonly kept: Kept;
  readonly twoWay: number;
}

function ownOf(deliveries: readonly Delivery[]): readonly Delivery[] {
  return deliveries.filter((d) => !isError(d) && !isOrphan(d, deliveries));
}

function expect(truth: LaneTruth, isWanted: (flow: Flow) => boolean = () => true): Expected {
  const flows = new Map<Flow, Verdict>();
  const kept = new Map<number, Map<number, number>>();
  let twoWay = 0;
  for (const [flow, deliveries] of truth.byFlow) {
    const own = ownOf(deliveries);
    if (own.length === 0 || !isWanted(flow)) continue;
    const all = placesOf(own);
    if (all.forward.size > 0 && all.reverse.size > 0) twoWay += 1;
    let worst: Verdict = 'one-way';
    for (const epoch of new Set(own.map((d) => d.epoch))) {
      const places = placesOf(own.filter((d) => d.epoch === epoch));
      const [member] = places.forward;
      const isTwoWay = places.forward.size > 0 && places.reverse.size > 0;
      const verdict: Verdict = isParted(places) ? 'parted' : isTwoWay ? 'consistent' : 'one-way';
      if (VERDICTS.indexOf(verdict) > VERDICTS.indexOf(worst)) worst = verdict;
      if (verdict !== 'consistent' || member === undefined) continue;
      const byMember = kept.get(epoch) ?? new Map<number, number>();
      byMember.set(member, (byMember.get(member) ?? 0) + 1);
      kept.set(epoch, byMember);
    }
    flows.set(flow, worst);
  }
  return { flows, kept, twoWay };
}

export function quietRunIsForeseen(truth: LaneTruth): readonly string[] {
  if (!isUndisturbed(truth)) return [];
  const { result, observed, outcome } = truth;
  const failures: string[] = [];
  const expected = expect(truth);
  const same = (what: string, told: unknown, really: unknown): void => {
    if (told !== really) failures.push(`${what}: ${told}, and not ${really}`);
  };
  const count = (verdict: Verdict): number => [...expected.flows.values()].filter((v) => v === verdict).length;
  same('flows', result.flows.total, expected.flows.size);
  same('two-way flows', result.flows.twoWay, expected.twoWay);
  same('one-way flows', result.flows.oneWay, count('one-way'));
  same('consistent flows', result.flows.consistent, count('consistent'));
  same('split flows', result.flows.split + result.flows.asymmetric + result.flows.duplicated, count('parted'));
  for (const { flow: id, verdict } of observed.flows) {
    const flow = truth.named.get(nameOf(id))?.flow;
    const wanted = flow === undefined ? undefined : expected.flows.get(flow);
    const told = verdict === 'split' || verdict === 'asymmetric' || verdict === 'duplicated' ? 'parted' : verdict;
    same(`verdict on ${nameOf(id)}`, told, wanted);
  }
  same('epochs', result.epochs.length, 1 + (outcome.world.announced[truth.lane]?.size ?? 0));
  for (const { members } of result.epochs) same('members of an epoch', members, truth.options.procs);
  for (const { index, flows } of result.members) same(`flows of member ${index}`, flows, flowsOn(truth, index));
  failures.push(...balanceIsForeseen(truth), ...answerIsForeseen(truth, expected));
  return failures;
}

function flowsOn(truth: LaneTruth, member: number): number {
  return [...truth.byFlow.values()].filter((deliveries) => ownOf(deliveries).some((d) => d.member === member)).length;
}

function balanceIsForeseen({ result, byFlow }: LaneTruth): readonly string[] {
  const { membersUsed, maxOverMean, topFlowShare } = result.balance;
  const packets = result.members.map((member) => member.packets);
  const total = packets.reduce((sum, n) => sum + n, 0);
  const largest = Math.max(0, ...[...byFlow.values()].map((deliveries) => ownOf(deliveries).length));
  const judged = [...byFlow.values()].reduce((sum, deliveries) => {
    const own = ownOf(deliveries);
    return sum + own.length + (own.length > 0 ? deliveries.filter(isError).length : 0);
  }, 0);
  const isNear = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;
  const failures: string[] = [];
  if (membersUsed !== packets.filter((n) => n > 0).length) failures.push(`members used: ${membersUsed}`);
  if (!isNear(maxOverMean, total === 0 ? 0 : (Math.max(...packets) * packets.length) / total)) failures.push(`balance: ${maxOverMean}`);
  if (!isNear(topFlowShare, judged === 0 ? 0 : largest / judged))
    failures.push(`share of the largest flow: ${topFlowShare}, and not ${largest / judged}`);
  return failures;
}

function answerIsForeseen(truth: LaneTruth, expected: Expected): readonly string[] {
  const { answer, reasons, falsePassBound } = truth.result.verdict;
  const failures: string[] = [];
  const allowed = answersOf(truth, expected);
  if (!allowed.includes(answer)) failures.push(`the answer is ${answer} (${reasons.map(({ code }) => code)}), and not ${allowed}`);
  // Flows of which others of their kind were split may be left out.
  const isLeftOut = [...expected.flows].some(
    ([flow, verdict]) => verdict === 'parted' && causesOf(truth, flow).some((code) => !counts(truth, code)),
  );
  if (isLeftOut) return failures;
  const bound = Math.max(totalBound(expected.kept), Number.MIN_VALUE);
  if (Math.abs(Math.log(falsePassBound) - Math.log(bound)) > 1e-6) failures.push(`the bound is ${falsePassBound}, and not ${bound}`);
  const coverage = coverageOf(truth, expected);
  const first = reasons.find(({ code }) => code !== 'isolated-violation')?.code;
  if (answer === 'inconclusive' && first !== coverage && coverage !== undefined)
    failures.push(`the first reason is ${first}, and not ${coverage}`);
  return failures;
}

function totalBound(kept: Kept): number {
  return [...kept.values()].reduce((bound, byMember) => bound * boundOf(byMember), 1);
}

/** What was not enough; undefined: it was. */
function coverageOf({ options, result }: LaneTruth, { flows, kept, twoWay }: Expected): string | undefined {
  if (options.procs === 1) return 'one-process';
  if (result.packets.captured === 0) return 'no-traffic';
  if (flows.size === 0) return 'no-flows';
  if (twoWay === 0) return 'no-two-way-flows';
  if (totalBound(kept) <= FALSE_PASS_LIMIT) return undefined;
  return kept.size > 0 && [...kept.values()].every((byMember) => byMember.size <= 1) ? 'one-member' : 'too-few-flows';
}

function answersOf(truth: LaneTruth, expected: Expected): readonly Answer[] {
  const { options } = truth;
  const parted = [...expected.flows].flatMap(([flow, verdict]) => (verdict === 'parted' ? [flow] : []));
  const isCounted = (flow: Flow): boolean => causesOf(truth, flow).some((code) => counts(truth, code));
  const isAmbiguous = (flow: Flow): boolean => isCounted(flow) && !causesOf(truth, flow).every((code) => counts(truth, code));
  const design = designOf(truth);
  const isTested = options.procs > 1 && truth.result.packets.captured > 0;
  // What one packet parted may be anybody's doing; of some that depends on which of its causes is named.
  const isOne = (flow: Flow): boolean => restsOnOnePacket(ownOf(truth.byFlow.get(flow) ?? []));
  const isProof = (flow: Flow): boolean => !isOne(flow) || !mayBeSenders(truth, flow);
  const isNone = (flow: Flow): boolean => isOne(flow) && isSenders(truth, flow);
  if (parted.some((flow) => isCounted(flow) && !isAmbiguous(flow) && isProof(flow))) return ['no'];
  if (design !== undefined && isTested) return counts(truth, design) ? ['no'] : ['inconclusive'];
  const perhaps: readonly Answer[] = parted.some((flow) => isCounted(flow) && !isNone(flow)) ? ['no'] : [];
  if (parted.some((flow) => isCounted(flow) && !isAmbiguous(flow))) return [...perhaps, 'inconclusive'];
  if (options.procs === 1 || rolledOver(truth)) return [...perhaps, 'inconclusive'];
  // Of flows whose directions go where they like, those that were kept are luck.
  const kinds = new Set(parted.map(({ kind }) => kind).filter((kind) => SCATTERED.includes(kind)));
  const unlucky = expect(truth, (flow) => !kinds.has(flow.kind));
  if (totalBound(unlucky.kept) > FALSE_PASS_LIMIT) return [...perhaps, 'inconclusive'];
  // Of other kinds of which some were split for a cause that does not count they may be.
  const stacks = new Set(parted.map(({ stack }) => stack));
  const sure = expect(truth, (flow) => !stacks.has(flow.stack));
  return totalBound(sure.kept) <= FALSE_PASS_LIMIT && expected.kept.size <= 1 ? [...perhaps, 'yes'] : [...perhaps, 'yes', 'inconclusive'];
}

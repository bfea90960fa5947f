/** A NO is true, and what is truly parted is found. */
import type { ObservedFlow } from '../../../src/addon/flow-map.ts';
import type { Delivery } from '../kernel.ts';
import { fateOf } from '../steering.ts';
import type { Flow } from '../traffic.ts';
import { causesOf, counts, designOf, isCopied, mayBeSenders } from './causes.ts';
import { safeUntil } from './certainty.ts';
import {
  directionIn,
  faultsOf,
  hasTold,
  isError,
  isHonest,
  isLaterPiece,
  isParted,
  type LaneTruth,
  nameOf,
  placesOf,
  spansOf,
} from './truth.ts';

const KINDS: readonly ObservedFlow['verdict'][] = ['split', 'asymmetric', 'duplicated'];

const isViolated = ({ verdict }: ObservedFlow): boolean => KINDS.includes(verdict);

/** Flows that somebody made up. */
function isMadeUp(truth: LaneTruth): boolean {
  return faultsOf(truth, 'lie').length > 0;
}

export function noFalseViolation(truth: LaneTruth): readonly string[] {
  return truth.observed.flows.filter(isViolated).flatMap((observed) => {
    const known = truth.named.get(nameOf(observed.flow));
    if (known === undefined) return isMadeUp(truth) ? [] : [`a flow that nobody sent: ${nameOf(observed.flow)}`];
    const { flow } = known;
    if (causesOf(truth, flow).length === 0) return [`${describe(flow)} is called ${observed.verdict}, and the kernel kept it`];
    const isTrue = spansOf(truth.byFlow.get(flow) ?? []).some((span) => isParted(placesOf(span)));
    return isTrue ? [] : [`${describe(flow)} is called ${observed.verdict}, and was never parted while the group stayed the same`];
  });
}

/** What is listed has a cause that is true, and was delivered as it says. */
export function listedViolationsAreTrue(truth: LaneTruth): readonly string[] {
  const { result, named } = truth;
  return result.violations.flatMap(({ flow: id, cause, kind, observations }) => {
    const known = named.get(nameOf(id));
    if (known === undefined) return [];
    const { flow, isFlipped } = known;
    const failures: string[] = [];
    if (!causesOf(truth, flow).some((code) => code === cause)) failures.push(`${describe(flow)} has the cause ${cause}`);
    if (kind === 'duplicated' && !isCopied(flow)) failures.push(`${describe(flow)} is called duplicated`);
    if (!isNamedAsItLooks(truth, flow, kind, cause)) failures.push(`${describe(flow)} is called ${kind}, and has the cause ${cause}`);
    for (const { member, epoch, direction, packets } of observations) {
      const really = (truth.byFlow.get(flow) ?? []).filter(
        (d) => d.member === member && d.epoch === epoch && d.packet.direction === directionIn(direction, isFlipped) && !isError(d),
      );
      if (really.length < packets && isHonest(truth, member))
        failures.push(`${describe(flow)}: member ${member} is said to have ${packets} packets ${direction} and got ${really.length}`);
    }
    return failures;
  });
}

/** Copies have a cause of their own, whatever else could split them. */
function isNamedAsItLooks({ group, outcome }: LaneTruth, flow: Flow, kind: string, cause: string): boolean {
  const { mode, trait } = group.steering;
  const isSteered =
    mode === 'hash' ? fateOf(trait, flow) === 'kept' && flow.kind === 'copies' : mode !== 'lb' && mode !== 'rnd' && mode !== 'rollover';
  if (!isSteered || outcome.scenario.groups.some(({ rollover }) => rollover === true)) return true;
  return (kind === 'duplicated') === (cause === 'duplicated');
}

/** Packets that the collector must have heard of, and must have taken for evidence. */
function isCertain(truth: LaneTruth, delivery: Delivery): boolean {
  return (
    !isError(delivery) &&
    !isLaterPiece(delivery) &&
    hasTold(truth, delivery.member) &&
    isHonest(truth, delivery.member) &&
    delivery.stamp < safeUntil(truth, delivery.epoch)
  );
}

/** Flows that were split before everybody's eyes. */
export function provenFlows(truth: LaneTruth): readonly Flow[] {
  return [...truth.byFlow].flatMap(([flow, deliveries]) => (certainlyParted(truth, deliveries).length > 0 ? [flow] : []));
}

/** By epoch: what is certain of it, where that is split. */
function certainlyParted(truth: LaneTruth, deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const byEpoch = new Map<number, Delivery[]>();
  for (const delivery of deliveries) {
    if (!isCertain(truth, delivery)) continue;
    byEpoch.set(delivery.epoch, [...(byEpoch.get(delivery.epoch) ?? []), delivery]);
  }
  return [...byEpoch.values()].filter((certain) => isParted(placesOf(certain)));
}

/** A NO may rest on it: no single packet may have been all of it. More packets never mend what one less would not. */
function isProof(truth: LaneTruth, flow: Flow): boolean {
  if (!mayBeSenders(truth, flow)) return true;
  return certainlyParted(truth, truth.byFlow.get(flow) ?? []).some((certain) =>
    certain.every((one) => isParted(placesOf(certain.filter((d) => d !== one)))),
  );
}

export function everyViolationIsFound(truth: LaneTruth): readonly string[] {
  const found = new Map(truth.observed.flows.map((observed) => [truth.named.get(nameOf(observed.flow))?.flow, observed.verdict]));
  return provenFlows(truth)
    .filter((flow) => !KINDS.includes(found.get(flow) ?? 'none'))
    .map((flow) => `${describe(flow)} was split, and is called ${found.get(flow) ?? 'nothing'}`);
}

export function answerIsNoWhereProven(truth: LaneTruth): readonly string[] {
  const { answer, reasons } = truth.result.verdict;
  const parted = provenFlows(truth).filter((flow) => causesOf(truth, flow).every((code) => counts(truth, code)) && isProof(truth, flow));
  const design = designOf(truth);
  const isByDesign = design !== undefined && counts(truth, design) && truth.options.procs > 1 && truth.result.packets.captured > 0;
  if (answer !== 'no' && parted.length > 0) return [`${describe(parted[0])} was split, and the answer is ${answer}`];
  if (answer !== 'no' && isByDesign) return [`mode ${truth.options.mode} is no NO`];
  return answer === 'no'
    ? noIsTrue(
        truth,
        reasons.map(({ code }) => code),
      )
    : [];
}

/** Every reason of a NO is a cause that counts, of a flow that was split; or the design of the mode. */
function noIsTrue(truth: LaneTruth, codes: readonly string[]): readonly string[] {
  const parted = [...truth.byFlow]
    .filter(([, deliveries]) => spansOf(deliveries).some((span) => isParted(placesOf(span))))
    .map(([flow]) => flow);
  const possible = new Set<string>(parted.flatMap((flow) => causesOf(truth, flow)).filter((code) => counts(truth, code)));
  const design = designOf(truth);
  if (design !== undefined && counts(truth, design)) possible.add(design);
  if (isMadeUp(truth) && codes.length > 0) return [];
  if (codes.length === 0) return ['a NO without a reason'];
  return codes.filter((code) => !possible.has(code)).map((code) => `a NO for ${code}, which did not happen`);
}

export function describe(flow: Flow | undefined): string {
  return flow === undefined ? 'no flow' : `flow ${flow.index} (${flow.kind}, ${nameOf(flow)})`;
}

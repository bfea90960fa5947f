/** The answers on single kinds of traffic, by the rules of the whole run. */
import type { StackResult } from '../../../src/model/run-result.ts';
import { causesOf, counts } from './causes.ts';
import { isError, isParted, isUndisturbed, type LaneTruth, placesOf, spansOf } from './truth.ts';
import { boundOf, unearned } from './yes.ts';

const FALSE_PASS_LIMIT = 1e-6;

export function stackAnswersAreTrue(truth: LaneTruth): readonly string[] {
  return truth.result.stacks.flatMap((stack) => {
    const failures = stack.answer === 'yes' ? yesOfStack(truth, stack) : stack.answer === 'no' ? noOfStack(truth, stack) : [];
    return failures.map((failure) => `${stack.stack}: ${failure}`);
  });
}

/** Flows of which some packets have this stack; the report counts them under the stack that has the smallest code. */
function flowsOf(truth: LaneTruth, { stack }: StackResult) {
  return [...truth.byFlow].filter(([, deliveries]) => deliveries.some((d) => !isError(d) && d.packet.stack === stack));
}

function yesOfStack(truth: LaneTruth, stack: StackResult): readonly string[] {
  const kept = new Map<number, number>();
  for (const [, deliveries] of flowsOf(truth, stack)) {
    const places = placesOf(deliveries.filter((d) => !isError(d)));
    const [member] = places.forward;
    if (member !== undefined && !isParted(places) && places.reverse.has(member)) kept.set(member, (kept.get(member) ?? 0) + 1);
  }
  const isProven = !isUndisturbed(truth) || boundOf(kept) <= FALSE_PASS_LIMIT;
  // Shares that are known for the whole run only prove nothing of several epochs.
  const epochs = truth.observed.evidence.epochs.filter(({ twoWayByMember }) => twoWayByMember.some((flows) => flows > 0)).length;
  return [...unearned(truth), ...(isProven ? [] : ['so few flows are no YES']), ...(epochs > 1 ? [`a YES of ${epochs} epochs`] : [])];
}

function noOfStack(truth: LaneTruth, stack: StackResult): readonly string[] {
  const isTrue = flowsOf(truth, stack).some(
    ([flow, deliveries]) =>
      spansOf(deliveries).some((span) => isParted(placesOf(span))) && causesOf(truth, flow).some((code) => counts(truth, code)),
  );
  return isTrue || truth.outcome.world.suffered.some(({ kind }) => kind === 'lie')
    ? []
    : ['none of its flows was split for a cause that counts'];
}

/** How surely a pass is not chance. Pure. */

/** A YES claims that a group which scattered packets at random would have passed with at most this probability. */
export const FALSE_PASS_LIMIT = 1e-6;

/** Consistent two-way flows by member, within one epoch. */
export type FlowsByMember = readonly number[];

/**
 * Sum of the squared shares: the probability that two packets scattered independently meet on one member. The shares are those of the flows
 * themselves: F flows make it no smaller than 1/F, whatever the group would do with more of them. A group that scatters packets, by whatever
 * shares, passes with less than the limit (confidence.test.ts works it out).
 */
export function meetingProbability(flowsByMember: FlowsByMember): number {
  const flows = sum(flowsByMember);
  return flows === 0 ? 1 : sum(flowsByMember.map((count) => count * count)) / (flows * flows);
}

/** Natural logarithm of the false-pass bound, the product over epochs of (sum p_i^2)^F. Logarithms do not underflow. */
export function logFalsePassBound(epochs: readonly FlowsByMember[]): number {
  // Adding 0 turns a negative zero into a plain one.
  return sum(epochs.map((flowsByMember) => sum(flowsByMember) * Math.log(meetingProbability(flowsByMember)))) + 0;
}

/** The bound itself. Never zero, however small: zero would claim certainty. */
export function falsePassBound(epochs: readonly FlowsByMember[]): number {
  return Math.max(Math.exp(logFalsePassBound(epochs)), Number.MIN_VALUE);
}

export function isConfident(epochs: readonly FlowsByMember[]): boolean {
  return logFalsePassBound(epochs) <= Math.log(FALSE_PASS_LIMIT);
}

/**
 * The smallest number of further two-way flows that settles the question, if they spread like those of the last epoch (or of the whole run), or
 * as evenly over `procs` as can be while nothing has spread yet. Undefined where no number of flows can.
 */
export function flowsNeeded(epochs: readonly FlowsByMember[], procs: number): number | undefined {
  const meeting = [meetingProbability(epochs.at(-1) ?? []), meetingProbability(pooled(epochs))].find((p) => p < 1);
  if (meeting === undefined) return procs < 2 ? undefined : evenlyNeeded(epochs, procs);
  const settles = (flows: number) => logFalsePassBound(epochs) + flows * Math.log(meeting) <= Math.log(FALSE_PASS_LIMIT);
  const estimate = Math.max(0, Math.ceil((logFalsePassBound(epochs) - Math.log(FALSE_PASS_LIMIT)) / -Math.log(meeting)));
  // The quotient of two logarithms may be off by one flow where it should be a whole number.
  return [estimate - 1, estimate, estimate + 1].find((flows) => flows >= 0 && settles(flows));
}

/** Each further flow on the member that has fewest. */
function evenlyNeeded(epochs: readonly FlowsByMember[], procs: number): number {
  const counts = Array.from({ length: procs }, (_, member) => epochs.at(-1)?.[member] ?? 0);
  let [flows, squares] = [sum(counts), sum(counts.map((count) => count * count))];
  counts.sort((a, b) => a - b);
  let added = 0;
  for (let level = counts[0] ?? 0; ; level += 1) {
    const fewest = counts.filter((count) => count <= level).length;
    for (let i = 0; i < fewest; i += 1) {
      if (flows > 0 && flows * Math.log(squares / (flows * flows)) <= Math.log(FALSE_PASS_LIMIT)) return added;
      added += 1;
      flows += 1;
      squares += 2 * level + 1;
    }
  }
}

/**
 * An upper bound on the probability that a fair per-packet draw deviates as far from its mean as the worst member does
 * (two-sided, for all members together), and that deviation in standard deviations.
 */
export function binomialSpread(packetsByMember: readonly number[]): { readonly z: number; readonly probability: number } {
  const members = packetsByMember.length;
  const packets = sum(packetsByMember);
  const mean = packets / members;
  const deviation = Math.sqrt(mean * (1 - 1 / members));
  const z = Math.max(...packetsByMember.map((count) => Math.abs(count - mean))) / deviation;
  // Mills' inequality for the tail of the normal distribution, added up over members and both sides.
  const tail = Math.exp((-z * z) / 2) / (z * Math.sqrt(2 * Math.PI));
  return { z, probability: Math.min(1, 2 * members * tail) };
}

/**
 * Natural logarithm of an upper bound on the probability that `count` of `all` independent events, or a number still farther from the
 * mean on the same side, happen where each does with probability `p` (Chernoff): never smaller than the probability itself.
 */
export function logBinomialBound(count: number, all: number, p: number): number {
  if (all === 0) return 0;
  const share = count / all;
  const term = (observed: number, expected: number) => (observed === 0 ? 0 : observed * Math.log(observed / expected));
  return -all * (term(share, p) + term(1 - share, 1 - p)) + 0;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

function pooled(epochs: readonly FlowsByMember[]): FlowsByMember {
  const length = Math.max(0, ...epochs.map((epoch) => epoch.length));
  return Array.from({ length }, (_, member) => sum(epochs.map((epoch) => epoch[member] ?? 0)));
}

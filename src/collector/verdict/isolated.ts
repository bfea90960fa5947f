/** Violations that one packet from outside may have made. Anybody can send one, so they prove nothing by themselves. Pure. */
import type { Evidence, ViolationGroup, ViolationTraits } from '../../model/evidence.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { CauseWeight, FoundCause } from '../../model/run-result.ts';
import { sum } from './confidence.ts';
import { causeOf, type DiagnosisContext, type ViolationCause } from './diagnose.ts';

/**
 * Whether what is in a packet decides that it parts its flow: a fragment, an outer header, a label, a copy. Where the kernel put packets of one
 * key on two members, or passed them on, it did that itself, whoever sent them.
 */
const IS_SHAPED_BY_SENDERS: Readonly<Record<ViolationCause, boolean>> = {
  'hash-asymmetric': false,
  'known-bug-a': false,
  'known-bug-b': false,
  'known-bug-c': true,
  'known-bug-d': true,
  // Anybody can have this host answer.
  'sent-tagged': true,
  'fragment-v4': true,
  'fragment-v6': true,
  'tunnel-outer-only': true,
  'esp-ah-spi': true,
  'tunnel-payload-types': true,
  'lb-by-design': false,
  'rnd-by-design': false,
  'rollover-under-load': false,
  // Receive queues and programs go by the bytes of a packet: options, tags, a fragment.
  'rss-asymmetric': true,
  'bpf-program': true,
  'membership-change': false,
  duplicated: true,
  unexplained: true,
};

/** In the lab, and of a capture file, the truth is known: there one packet is proof. */
export function isIsolated(cause: ViolationCause, { onOnePacket }: ViolationTraits, { source }: Pick<RunFacts, 'source'>): boolean {
  return source === 'live' && onOnePacket && IS_SHAPED_BY_SENDERS[cause];
}

export function isolatedGroups(context: DiagnosisContext, facts: Pick<RunFacts, 'source'>): readonly ViolationGroup[] {
  return context.groups.filter((group) => isIsolated(causeOf(group, context), group, facts));
}

/** Each cause with how many of its flows are isolated. */
export function withIsolated(
  causes: readonly FoundCause[],
  isolated: readonly ViolationGroup[],
  context: DiagnosisContext,
): readonly FoundCause[] {
  return causes.map((cause) => {
    const flows = sum(isolated.filter((group) => causeOf(group, context) === cause.code).map((group) => group.flows));
    return flows === 0 ? cause : { ...cause, isolated: flows };
  });
}

/** Whether a cause rests on more than flows that are isolated. */
export function isMoreThanIsolated({ flows, isolated = 0 }: CauseWeight): boolean {
  return flows > isolated;
}

/** The reason `isolated-violation`. `causes` are those that would make the answer NO. */
export function isolatedDoubt({ flows }: Evidence, causes: readonly FoundCause[]): readonly Finding<'isolated-violation'>[] {
  const isolated = causes.filter(({ isolated: count = 0 }) => count > 0);
  if (isolated.length === 0) return [];
  const count = sum(isolated.map(({ isolated: one = 0 }) => one));
  return [finding('isolated-violation', { flows: count, total: flows.total, causes: isolated.map(({ code }) => code) })];
}

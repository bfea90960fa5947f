/** Why nothing was captured on a live interface, as far as the kernel tells it. Pure. Nothing is guessed that could be looked at. */
import type { NoTrafficWhy, OwnAddresses } from '../../model/findings/doubt.ts';
import type { LinkState, LinkStates } from '../../model/link.ts';
import type { RunFacts } from '../../model/run-facts.ts';

export function whyNoTraffic(facts: RunFacts): NoTrafficWhy {
  const { link, flags } = facts;
  const ignored = flags.includes('ignore-outgoing') ? ignoredOutgoing(link) : undefined;
  return ignored ?? (link === undefined ? untold(facts) : ofLink(facts, link));
}

/** The flag comes first: without it the question would not be there. */
function ignoredOutgoing(link: LinkStates | undefined): NoTrafficWhy | undefined {
  if (link === undefined) return { kind: 'ignores-outgoing' };
  const sent = link.after.txPackets - link.before.txPackets;
  return sent === 0 ? mirroredTo(link) : { kind: 'ignores-outgoing', sent };
}

/** An ifb counts as received what tc mirrors to it, which packet sockets see as sent. */
function mirroredTo({ before, after }: LinkStates): NoTrafficWhy | undefined {
  const packets = after.rxPackets - before.rxPackets;
  return after.kind !== 'ifb' || packets === 0 ? undefined : { kind: 'ignores-mirrored', packets };
}

function ofLink({ narrowedBy }: RunFacts, { before, after }: LinkStates): NoTrafficWhy {
  if (!after.running) return { kind: 'no-carrier' };
  const received = after.rxPackets - before.rxPackets;
  if (after.xdp !== undefined) return { kind: 'xdp', received, ...after.xdp };
  if (received > 0) return narrowedBy?.filter === true ? { kind: 'filter', received } : { kind: 'taken-before', received };
  const own = ownAddressesOnly(after);
  if (own !== undefined) return { kind: 'own-addresses', ...own };
  return narrowedBy?.noPromisc === true ? { kind: 'no-promisc' } : { kind: 'nothing-received' };
}

/** Devices past which the traffic of others goes. */
export function ownAddressesOnly({ kind, mode }: LinkState): OwnAddresses | undefined {
  if (kind === 'macvlan' && mode !== 'passthru') return { device: 'macvlan', mode: mode ?? 'other than passthru' };
  return kind === 'ipvlan' ? { device: 'ipvlan' } : undefined;
}

function untold({ narrowedBy }: RunFacts): NoTrafficWhy {
  return { kind: 'untold', filter: narrowedBy?.filter === true, noPromisc: narrowedBy?.noPromisc === true };
}

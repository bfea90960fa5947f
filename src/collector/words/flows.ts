/** Words for the flows that a cause is about: how many, of which kinds, and what still splits them when the cause is mended. Pure. */
import type { CauseFlows, RemainingFragments } from '../../model/findings/cause.ts';
import { STEER_INSIDE } from './cure.ts';
import { counted, grouped, listed } from './english.ts';
import type { Advised } from './say.ts';

/** What happened to these flows; without any it is said of the mode. */
export function ofFlows({ flows, stacks, fragments }: CauseFlows, { message, remedy }: Advised): Advised {
  const subject = flows === 0 ? '' : `${counted(flows, 'flow')} (${listed(stacks)}): `;
  if (fragments === undefined) return { message: `${subject}${message}`, remedy };
  const remaining = remainingFragments(fragments);
  return { message: `${subject}${message}; ${remaining.message}`, remedy: `${remedy}; ${remaining.remedy}` };
}

/** How the kernel hashes fragments, by the family of the header that is fragmented. */
export const HASHED = {
  4: 'the kernel hashes an IPv4 fragment by addresses and protocol only',
  6: 'the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only',
} as const;

export const SET_DEFRAG =
  'set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other';

function remainingFragments({ flows, families, isDefrag }: RemainingFragments): Advised {
  const [have, them] = flows === 1 ? ['flows has', 'it'] : ['flows have', 'them'];
  const hashed = families.map((family) => HASHED[family]).join(', and ');
  const set = isDefrag ? 'the defrag flag reaches what is then IPv4 in the outermost header' : SET_DEFRAG;
  const cures = families.map((family) => (family === 4 ? set : STEER_INSIDE)).join('; of IPv6 ');
  return {
    message: `${grouped(flows)} of these ${have} fragments besides, which split ${them} as well: ${hashed}`,
    remedy: `for fragments that remain then: ${cures}`,
  };
}

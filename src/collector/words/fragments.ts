/** Words for fragments, which the kernel hashes otherwise than whole packets. Pure. */
import type { CauseArgs } from '../../model/findings/cause.ts';
import { STEER_INSIDE } from './cure.ts';
import { HASHED, ofFlows, SET_DEFRAG } from './flows.ts';
import type { Words } from './say.ts';

const LIMIT = 'does not reach fragments under two VLAN tags or inside a tunnel';
const UNCOVER = `${STEER_INSIDE}; or strip the outer tags or end the tunnel before the sensor`;

export const FRAGMENT_WORDS: Words<Pick<CauseArgs, 'fragment-v4' | 'fragment-v6'>> = {
  'fragment-v4': (args) => {
    const leaves = `${HASHED[4]}, so it leaves the process of its flow`;
    const { limit, remedy } = args.isDefrag ? setInVain(args) : toSet(args);
    return ofFlows(args, { message: `${leaves}${limit}`, remedy });
  },
  'fragment-v6': (args) =>
    ofFlows(args, {
      message: `${HASHED[6]}, so it leaves the process of its flow; the defrag flag reassembles IPv4 alone`,
      remedy: `no fanout flag helps; ${STEER_INSIDE}`,
    }),
};

interface DefragWords {
  readonly limit: string;
  readonly remedy: string;
}

function setInVain({ inReach }: CauseArgs['fragment-v4']): DefragWords {
  const limit = `; the defrag flag is set, but it ${LIMIT}`;
  if (inReach === 'none') return { limit, remedy: UNCOVER };
  // ip_check_defrag() lets pass what is shorter than its header says.
  return {
    limit: `${limit}, or that were cut by the snap length of a capture`,
    remedy: `capture with a larger snap length; else ${UNCOVER}`,
  };
}

function toSet({ inReach }: CauseArgs['fragment-v4']): DefragWords {
  const limit = `; the defrag flag ${LIMIT}`;
  switch (inReach) {
    case 'all':
      return { limit: '', remedy: `${SET_DEFRAG}; or ${STEER_INSIDE}` };
    case 'some':
      return { limit, remedy: `${SET_DEFRAG}; for the others ${UNCOVER}` };
    case 'none':
      return { limit, remedy: `${UNCOVER}, where the flag then reaches them, and ${SET_DEFRAG}` };
  }
}

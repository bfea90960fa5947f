/** Words for a group that starts under traffic. Pure. */
import type { RaceArgs } from '../../model/findings/race.ts';
import { grouped, percent } from './english.ts';
import type { Words } from './say.ts';

export const RACE_WORDS: Words<RaceArgs> = {
  'no-race-seen': () => ({
    message: 'no flow had packets on two processes: the group was complete before the next packet of any flow came',
    remedy: 'send faster (--rate), more flows (--flows) or use more processes (--procs)',
  }),
  'start-race': ({ flows, split, splitShare, strayPackets, copies, lastStrayAfterMs }) => ({
    message: `${grouped(split)} of ${grouped(flows)} flows (${percent(splitShare)}) had packets on more than one process in the first ${Math.round(lastStrayAfterMs)} ms: a socket that is bound and has not joined gets a copy of every packet (${grouped(copies)} copies here), and each process that joins moves flows of those before it (${grouped(strayPackets)} packets on processes that do not have the flow any more)`,
    remedy:
      'after a restart of a sensor expect wrong-thread and midstream flows until those under way have ended; start it while the link is down or traffic is held back, or give all sockets a filter that drops everything until the last has joined',
  }),
  'judge-later': () => ({
    message: 'a test that counts from the start blames the kernel for these',
    remedy: 'count packets only that are stamped after the last join, as the orderly start does',
  }),
};

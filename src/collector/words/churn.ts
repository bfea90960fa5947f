/** Words for a group whose members leave and come. Pure. */
import type { ChurnArgs, ChurnChange } from '../../model/findings/churn.ts';
import { grouped, percent } from './english.ts';
import type { Words } from './say.ts';

export const CHURN_WORDS: Words<ChurnArgs> = {
  'unexpected-share': ({ change, flows, stayedShare, expectedShare }) => ({
    message: `${percent(stayedShare)} of ${grouped(flows)} flows stayed where they were at ${changeText(change)}; by the kernel's code ${percent(expectedShare)} should`,
    remedy: 'run again with more --flows; if it persists, this kernel keeps its members in another order than af_packet.c up to Linux 7.3',
  }),
  'restart-moves-flows': ({ procs, losses, least, most, joins }) => {
    const range =
      losses === 1 ? percent(most.share) : `${percent(least.share)} (slot ${least.slot}) to ${percent(most.share)} (slot ${most.slot})`;
    const restart = joins === undefined ? '' : `, and when it comes back ${percent(joins)} move again`;
    return {
      message: `when one of ${procs} processes ends, ${range} of the flows of the others move to another process${restart}: each picks up flows in the middle and loses what it knew of those it had`,
      remedy:
        'restart the whole group at a quiet hour rather than one worker; a supervisor that restarts single workers (Zeek: each is a process; Suricata: threads come and go together) costs detections twice',
    };
  },
  'link-flap-reorders': ({ movedShare }) => ({
    message:
      movedShare === undefined
        ? 'link down and up left every flow on its process: the members had joined in the order in which their sockets were made'
        : `link down and up moved ${percent(movedShare)} of all flows: the kernel then links members in the order in which their sockets were made, and since a process was replaced that is not the order in which they joined`,
    remedy: 'keep the link up (a media converter, a switch port without spanning tree), or restart all workers after it was down',
  }),
  disturbed: ({ change }) => ({
    message: `the group changed at another moment than it was made to (${change ?? 'nobody knows why'}); ${NOT_MEASURED}`,
    remedy: 'see that nothing else joins the group or touches the interface, and run again',
  }),
};

/** What a change made of a measurement that nobody had asked for. */
export const NOT_MEASURED = 'the changes from then on were not measured';

/** As progress lines have it, too. */
export function changeText({ kind, slot }: ChurnChange): string {
  switch (kind) {
    case 'leave':
      return `the loss of the member in slot ${slot}`;
    case 'join':
      return 'the arrival of a member';
    case 'link-flap':
      return 'link down and up';
  }
}

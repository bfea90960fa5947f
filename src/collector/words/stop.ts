/** Why a run ended, in words. Pure. */
import type { Stop } from '../../model/findings/doubt.ts';
import { RUN_MS_MAX } from '../../model/run-limits.ts';
import { grouped } from './english.ts';

export function stopped({ reason, flowsMax }: Stop): string {
  switch (reason) {
    case 'flows':
      return 'the run ended at --max-flows';
    case 'packets':
      return 'the run ended at --max-packets';
    case 'time':
      return 'the run ended at --duration';
    case 'end-of-traffic':
      return 'the run ended when all traffic had been sent';
    case 'signal':
      return 'the run was ended by a signal';
    case 'violation':
      return 'the run ended at its first violation';
    case 'members-lost':
      return 'the run ended because processes were lost';
    case 'interface-removed':
      return 'the run ended when its interface was removed';
    case 'flow-memory':
      return `the run ended because its flow table is full (room for ${grouped(flowsMax)} flows)`;
    case 'epochs':
      return 'the run ended because its group had changed too often';
    case 'longest':
      return `the run ended after ${RUN_MS_MAX / 3_600_000} hours, the longest that a run may take`;
  }
}

/** What lets a run go on for longer that ended although nobody asked for it. */
export function longerRun({ reason }: Stop): string | undefined {
  switch (reason) {
    case 'flow-memory':
      return 'give the flow table more memory (--flow-memory), or look at less (--filter); --max-flows ends a run by itself';
    case 'epochs':
      return 'find out what changes the group so often, and run again while it is stable';
    case 'longest':
      return 'give a --duration, and make several runs';
    default:
      return undefined;
  }
}

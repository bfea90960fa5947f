/** `groups`: the fanout groups of running programs. Reads only. */
import type { Openings } from '../../collector/run/provisions.ts';
import { EXIT } from '../../errors.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import { GROUPS_OPTIONS, type GroupsOptions, parseGroupsOptions } from './options.ts';
import { groupsBrief, groupsDocument } from './report.ts';
import type { GroupsResult } from './result.ts';

export const groupsCommand = commandSpec({
  name: 'groups',
  summary: 'fanout groups of running programs: who is in them, mode, flags, rings, filters, and what is wrong between them',
  options: GROUPS_OPTIONS,
  exitStatuses: 'Exit status: 0 asked, whatever was found, 2 usage, 4 cannot be asked, 70 defect of this tool.',
  perform: async ({ typed }, host) => {
    const options = host.parse((machine) => parseGroupsOptions(typed, machine));
    await reported(options.output, host, openings(options, host.version), async (result) => result, {
      full: groupsDocument,
      brief: groupsBrief,
    });
    return EXIT.yes;
  },
});

/** All is read while there are the privileges for it. */
function openings(options: GroupsOptions, version: string): Openings<GroupsResult> {
  return {
    open: async () => {
      const [{ groupsResult }, { inspectGroups }, { HOST_CLOCK: clock, dateOf }] = await Promise.all([
        import('./groups.ts'),
        import('../../host/inspect-groups.ts'),
        import('../../collector/group/clock.ts'),
      ]);
      return groupsResult(inspectGroups(options), { version, at: dateOf(clock) });
    },
    handOver: (result) => ({ handover: result, descriptors: [] }),
    takeOver: async (handed) => handed as GroupsResult,
  };
}

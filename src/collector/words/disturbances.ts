/** Words for what happened to a run from outside. Pure. */
import type { DisturbanceArgs } from '../../model/findings/disturbance.ts';
import type { Words } from './say.ts';

export const DISTURBANCE_WORDS: Words<DisturbanceArgs> = {
  'link-down': ({ interface: name, further }) => ({
    message: `${name} went down during the run${againText(further)}`,
    remedy: 'find out why, and run again while the link is stable',
  }),
  'interface-removed': ({ interface: name, further }) => ({
    message: `${name} was removed during the run${againText(further)}`,
    remedy: 'the group is dead from then on: run again on an interface that stays',
  }),
  'foreign-member': ({ groupId, owners, further }) => ({
    message: `${ownersText(owners)} joined fanout group ${groupId} during the run${againText(further)}`,
    remedy: 'it takes a share of the packets: find it with `sudo ss -0 -e -p` and stop it, or run again with another group',
  }),
  'other-group': ({ groupId, mode, owners, further }) => ({
    message: `fanout group ${groupId} (mode ${mode}, of ${ownersText(owners)}) appeared during the run: if it reassembles as well, one of the two groups gets no fragmented traffic${againText(further)}`,
    remedy: 'run --defrag while nobody else captures, or in the lab',
  }),
};

function ownersText(owners: readonly string[]): string {
  return owners.join(', ') || 'another program';
}

function againText(further: number | undefined): string {
  if (further === undefined) return '';
  return `; this happened ${further === 1 ? 'once more' : `${further} more times`}`;
}

/** Words for readers. Pure. */
import { READERS, type ReadStacks } from '../../model/reader.ts';
import { joined, listed } from './english.ts';

/** "Zeek tracks the flow inside; none of Suricata, ... tracks the flow inside in ipv4/udp/lisp/ipv4/tcp" */
export function readersText(groups: readonly ReadStacks[]): string {
  return groups
    .map(({ readers, stacks }) => {
      const where = groups.length === 1 ? '' : ` in ${listed(stacks)}`;
      if (readers.length === 0) return `none of ${joined(READERS, 'and')} tracks the flow inside${where}`;
      return `${joined(readers, 'and')} ${readers.length === 1 ? 'tracks' : 'track'} the flow inside${where}`;
    })
    .join('; ');
}

/** Words for what proves an answer, or keeps it from being a YES. Pure. */
import type { DoubtArgs } from '../../model/findings/doubt.ts';
import type { Words } from './say.ts';

export const DOUBT_WORDS: Words<DoubtArgs> = {
  'one-process': () => ({
    message: 'a group of one process keeps every flow together whatever the kernel does, so nothing was tested',
    remedy: 'run with --procs 2 or more; best with as many as the IDS has workers',
  }),
};

/** Words for causes. Pure. */
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { Words } from './say.ts';

export const CAUSE_WORDS: Words<CauseArgs> = {
  'lb-by-design': () => ({
    message: 'mode lb deals packets out in turn, so a flow of two packets is on two processes by design',
    remedy: 'use --mode hash for an IDS',
  }),
  'rnd-by-design': () => ({
    message: 'mode rnd chooses a process at random for each packet, by design',
    remedy: 'use --mode hash for an IDS',
  }),
};

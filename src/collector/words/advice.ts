/** Words for the advice of commands, and for what they left undone. Pure. */
import type { AdviceArgs } from '../../model/findings/advice.ts';
import type { Words } from './say.ts';

export const ADVICE_WORDS: Words<AdviceArgs> = {
  interrupted: ({ when }) => ({ message: `ended by a signal ${when}`, remedy: 'run again, and let it end by itself' }),
};

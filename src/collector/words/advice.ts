/** Words for the advice of commands, and for what they left undone. Pure. */
import type { AdviceArgs, Interruption } from '../../model/findings/advice.ts';
import { CHURN_WORDS } from './churn.ts';
import { COMPARISON_WORDS } from './comparison.ts';
import { counted } from './english.ts';
import { RACE_WORDS } from './race.ts';
import type { Words } from './say.ts';
import { SCALE_WORDS } from './scale.ts';

export const ADVICE_WORDS: Words<AdviceArgs> = {
  ...SCALE_WORDS,
  ...COMPARISON_WORDS,
  ...CHURN_WORDS,
  ...RACE_WORDS,
  interrupted: (args) =>
    args.when === 'before-all-modes-tested'
      ? {
          message: `ended by a signal before all of ${counted(args.modes, 'mode')} had been tested, so none of them can be recommended`,
          remedy: 'run again and let it end by itself, or compare fewer modes (--modes)',
        }
      : { message: `ended by a signal ${INTERRUPTIONS[args.when]}`, remedy: 'run again, and let it end by itself' },
};

const INTERRUPTIONS: Readonly<Record<Interruption, string>> = {
  'before-mode-tested': 'before this mode was tested',
  'before-group-tested': 'before this group was tested',
  'while-mode-tested': 'while this mode was tested: its row is about a part of the traffic',
  'before-mode-measured': 'before this mode was measured',
  'before-size-measured': 'before this size was measured',
  'while-size-measured': 'while this size was measured',
  'before-all-changes': 'before all changes were made',
  'before-all-traffic': 'before all traffic had been sent',
};

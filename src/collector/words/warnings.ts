/** Words for warnings. Pure. */
import type { WarningArgs } from '../../model/findings/warning.ts';
import type { Words } from './say.ts';

export const WARNING_WORDS: Words<WarningArgs> = {
  'mostly-one-way': ({ oneWay, total }) => ({
    message: `${oneWay} of ${total} flows were seen in one direction only and prove nothing about the other`,
    remedy: 'see whether the mirror or tap delivers both directions to this interface',
  }),
};

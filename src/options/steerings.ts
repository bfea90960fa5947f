/** Lists of modes with flags behind a +, as the commands take them that test several groups. */
import { FanoutError } from '../errors.ts';
import { FANOUT_FLAGS, type FanoutFlag, type FanoutMode, fanoutModeCalled, modeRow } from '../model/fanout.ts';
import { contradictory } from './values.ts';

export interface SteeringName {
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
}

const FLAG_NAMES = Object.keys(FANOUT_FLAGS) as readonly FanoutFlag[];

/**
 * Each pair of mode and flags once, in the order in which they are named.
 * @param example of a list, for the error
 */
export function parseSteerings(option: string, list: string, example: string): readonly SteeringName[] {
  const steerings = new Map<string, SteeringName>();
  for (const text of list.split(',')) {
    const steering = parseSteering(option, text, example);
    steerings.set([steering.mode, ...steering.flags].join('+'), steering);
  }
  return [...steerings.values()];
}

function parseSteering(option: string, text: string, example: string): SteeringName {
  const [modeName = '', ...flagNames] = text.split('+');
  const mode = fanoutModeCalled(modeName);
  const unknown = flagNames.find((name) => !FLAG_NAMES.includes(name as FanoutFlag));
  if (mode === undefined || unknown !== undefined) {
    throw new FanoutError(
      'USAGE',
      `${option}: ${JSON.stringify(text)} is not a mode, or a mode with flags`,
      `give modes separated by commas, such as ${example}; flags are ${FLAG_NAMES.join(' and ')}`,
    );
  }
  if (modeRow(mode).refusesRollover === true && flagNames.includes('rollover'))
    throw contradictory(`${option}: mode rollover with the flag rollover: the kernel refuses the pair (EINVAL)`, 'leave the flag out');
  return { mode, flags: FLAG_NAMES.filter((flag) => flagNames.includes(flag)) };
}

/** Runs in turn, one for each item of a list: modes or sizes. A run that cannot be made takes nothing from the others. */
import { worded } from '../collector/words/say.ts';
import { FanoutError, interrupted } from '../errors.ts';
import type { GroupName } from '../model/fanout.ts';
import { finding } from '../model/finding.ts';
import type { Interruption } from '../model/findings/advice.ts';
import type { Reason } from '../model/run-result.ts';

export type Turn<T> =
  | {
      readonly kind: 'done';
      readonly value: T;
      /** A signal ended it early: it is about a part of the traffic. */
      readonly isCut: boolean;
    }
  | { readonly kind: 'failed'; readonly error: FanoutError };

/** Only who has a privilege could attach the built-in flow dissector between two runs. */
export function isByDissector({ builtin }: GroupName): boolean {
  return builtin === 'dissector';
}

/**
 * @param announce called before each run
 * @param isEarly those that must run before the others
 * @returns what became of each item, in their order; undefined for those that a signal left out
 */
export async function inTurn<Item, T>(
  items: readonly Item[],
  signal: AbortSignal,
  announce: (item: Item, index: number) => void,
  run: (item: Item) => Promise<T>,
  isEarly: (item: Item) => boolean = () => false,
): Promise<readonly (Turn<T> | undefined)[]> {
  const turns: (Turn<T> | undefined)[] = items.map(() => undefined);
  const inOrder = [...items.entries()].sort(([, a], [, b]) => Number(isEarly(b)) - Number(isEarly(a)));
  for (const [position, [index, item]] of inOrder.entries()) {
    if (signal.aborted) break;
    announce(item, position);
    turns[index] = await turnOf(run(item), signal);
  }
  return turns;
}

async function turnOf<T>(run: Promise<T>, signal: AbortSignal): Promise<Turn<T>> {
  try {
    const value = await run;
    return { kind: 'done', value, isCut: signal.aborted };
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    return { kind: 'failed', error };
  }
}

/**
 * The results of those that ran. Where none did, throws why: nothing was gathered that an error could take away.
 * @param before what a signal came before, where it came before all of them
 */
export function resultsOf<T>(turns: readonly (Turn<T> | undefined)[], before: string): readonly [T, ...T[]] {
  const [first, ...others] = turns.flatMap((turn) => (turn?.kind === 'done' ? [turn.value] : []));
  if (first !== undefined) return [first, ...others];
  throw turns.find((turn) => turn?.kind === 'failed')?.error ?? interrupted(before);
}

/** What a report says of something that could not be run. */
export function reasonOf({ code, message, remedy }: FanoutError): Reason {
  return code === 'INTERRUPTED' ? { code: 'interrupted', message, remedy } : { code, message, remedy };
}

export function endedBySignal(when: Interruption): Reason {
  return worded(finding('interrupted', { when }));
}

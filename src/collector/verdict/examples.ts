/** Which violations a report shows: examples of each cause, those that decide the answer first. Pure. */
import type { CauseResult } from '../../model/run-result.ts';

interface Caused {
  readonly cause: string;
}

/**
 * One of each cause, then a second one of each, until there are as many as asked for: a rare cause is not hidden by a frequent one. In the order
 * of the causes, harmless and tolerated ones last.
 * @param causes the one with most flows first
 */
export function examplesOf<T extends Caused>(violations: readonly T[], causes: readonly CauseResult[], most: number): readonly T[] {
  const byCause = new Map<string, T[]>();
  for (const violation of violations) {
    const list = byCause.get(violation.cause) ?? [];
    byCause.set(violation.cause, list);
    list.push(violation);
  }
  const ordered = [...byCause].toSorted(([a], [b]) => placeOf(a, causes) - placeOf(b, causes)).map(([, list]) => list);
  const counts = ordered.map(() => 0);
  let left = Math.min(most, violations.length);
  while (left > 0) {
    for (const [i, list] of ordered.entries()) {
      if (left === 0 || counts[i] === list.length) continue;
      counts[i] = (counts[i] ?? 0) + 1;
      left -= 1;
    }
  }
  return ordered.flatMap((list, i) => list.slice(0, counts[i]));
}

function placeOf(code: string, causes: readonly CauseResult[]): number {
  const place = causes.findIndex((cause) => cause.code === code);
  const cause = causes[place];
  if (cause === undefined) return causes.length;
  return cause.harmless || cause.tolerated === true ? causes.length + 1 + place : place;
}

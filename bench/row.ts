/** A row of the result: what was measured, or why it was not. */
import type { Goal } from './spread.ts';

export interface Measured {
  readonly kind: 'measured';
  readonly group: string;
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly goal?: Goal;
}

export interface Missing {
  readonly kind: 'missing';
  readonly group: string;
  readonly name: string;
  readonly reason: string;
}

export type Row = Measured | Missing;

export function measured(group: string, name: string, unit: string, samples: readonly number[], goal?: Goal): Measured {
  return { kind: 'measured', group, name, unit, samples, ...(goal && { goal }) };
}

/** A group that fails is reported as such and does not take the others with it. */
export async function attempt(group: string, body: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
  try {
    return await body();
  } catch (error) {
    return [{ kind: 'missing', group, name: 'all rows', reason: error instanceof Error ? error.message : String(error) }];
  }
}

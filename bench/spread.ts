/** The spread of repeated measurements, and how far its middle is from a goal. Pure. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** What a row should reach. `basis` says what the numbers were derived from. */
export interface Goal {
  readonly better: 'lower' | 'higher';
  readonly must: number;
  readonly stretch: number;
  readonly basis: string;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  return { min: quantile(sorted, 0), median: quantile(sorted, 0.5), max: quantile(sorted, 1) };
}

/** Linear between neighbours, so that the median of an even number of samples is the mean of the middle two. */
function quantile(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError('no samples');
  return below + (above - below) * (position - Math.floor(position));
}

/** How many times worse than the target: 1 is exactly on it, below 1 is better, whichever way the row counts. */
export function distance(value: number, target: number, better: Goal['better']): number {
  if (better === 'higher') return target / value;
  return target === 0 ? (value === 0 ? 1 : Number.POSITIVE_INFINITY) : value / target;
}

/** Element by element: the two sides were measured one after the other, so that what slowed one down slowed the other down too. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): readonly number[] {
  if (numerators.length !== denominators.length) throw new RangeError('ratios need pairs');
  return numerators.map((n, i) => n / (denominators[i] ?? Number.NaN));
}

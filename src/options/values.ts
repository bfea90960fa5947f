/** One command-line value from text, or a FanoutError that says which option, what was given and what would do. */
import { FanoutError } from '../errors.ts';

export interface Range {
  readonly least: number;
  readonly most: number;
}

export function usage(option: string, given: unknown, expected: string): FanoutError {
  return new FanoutError('USAGE', `${option}: ${JSON.stringify(given)} is not ${expected}`, `give ${expected}`);
}

export function contradictory(message: string, remedy: string): FanoutError {
  return new FanoutError('CONTRADICTORY_OPTIONS', message, remedy);
}

/** Decimal digits only: "1e9", "0x10", "+5" and "" are typing errors rather than numbers. */
export function wholeNumber(option: string, text: string, { least, most }: Range): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw usage(option, text, `a whole number from ${least} to ${most}`);
  return value;
}

export function decimal(option: string, text: string, { least, most }: Range): number {
  const value = /^\d{1,16}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw usage(option, text, `a number from ${least} to ${most}`);
  return value;
}

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** "4M", "512K", "65536": binary multiples, as ring sizes are given everywhere in the field. */
export function byteSize(option: string, text: string, { least, most }: Range): number {
  const match = /^(\d{1,15})([kmg]?)$/i.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (BYTE_UNITS[match[2]?.toLowerCase() ?? ''] ?? Number.NaN);
  if (!(value >= least && value <= most))
    throw usage(option, text, `a size from ${sizeText(least)} to ${sizeText(most)}, such as 512K or 4M`);
  return value;
}

export function sizeText(bytes: number): string {
  const unit = (['g', 'm', 'k'] as const).find((name) => bytes >= (BYTE_UNITS[name] ?? 0) && bytes % (BYTE_UNITS[name] ?? 1) === 0);
  return unit === undefined ? `${bytes} bytes` : `${bytes / (BYTE_UNITS[unit] ?? 1)}${unit.toUpperCase()}`;
}

const TIME_UNITS_MS: Readonly<Record<string, number>> = { '': 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "500ms", "10s", "5m", "2h"; a bare number is seconds. The result is whole milliseconds. */
export function duration(option: string, text: string, { least, most }: Range): number {
  const match = /^(\d{1,10}(?:\.\d{1,6})?)(ms|s|m|h)?$/.exec(text);
  const value = match === null ? Number.NaN : Math.round(Number(match[1]) * (TIME_UNITS_MS[match[2] ?? ''] ?? Number.NaN));
  if (!(value >= least && value <= most)) {
    throw usage(option, text, `a time from ${timeText(least)} to ${timeText(most)}, such as 500ms, 10s, 5m or 2h`);
  }
  return value;
}

function timeText(ms: number): string {
  const unit = (['h', 'm', 's'] as const).find((name) => ms % (TIME_UNITS_MS[name] ?? 1) === 0);
  return unit === undefined ? `${ms}ms` : `${ms / (TIME_UNITS_MS[unit] ?? 1)}${unit}`;
}

export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw usage(option, text, `one of ${allowed.join(', ')}`);
  return found;
}

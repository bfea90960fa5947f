/** Checks of what came from another process and was decoded: from msgpack or from JSON. Pure. */

export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** For error messages. A decoded map may carry a `toString` of its own, or none: it is named, never asked. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (value === null || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return typeof value === 'undefined' ? 'nothing' : `a value of type ${typeof value}`;
}

export function array(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedMessage(`${what} is not an array`);
  return value;
}

export function exactly(fields: readonly unknown[], count: number, what: string): readonly unknown[] {
  if (fields.length !== count) throw new MalformedMessage(`${what} has ${fields.length} fields instead of ${count}`);
  return fields;
}

export function natural(value: unknown): number {
  if (typeof value === 'bigint') return natural(Number(value));
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new MalformedMessage(`${shown(value)} is not a count`);
  return value;
}

export function bigNatural(value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n) return value;
  return BigInt(natural(value));
}

export function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new MalformedMessage(`${shown(value)} is not a flag`);
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw new MalformedMessage('text expected');
  return value;
}

/** Of an object, by name; what nobody asks for is left alone. */
export function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MalformedMessage(`${what} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

/** A measured quantity, which may have fractions and, where differences are measured, a sign. */
export function quantity(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new MalformedMessage(`${shown(value)} is not a quantity`);
  return value;
}

/** What is absent in JSON, or null there. */
export function optional<T>(value: unknown, parse: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : parse(value);
}

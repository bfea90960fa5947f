/** Reading other programs' JSON: the field must be there and have the type, or the run ends with a sentence that says what was wrong. */

function fieldAt(document: unknown, path: string): unknown {
  let value = document;
  for (const name of path.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  }
  return value;
}

export function numberAt(document: unknown, path: string): number {
  const value = fieldAt(document, path);
  if (typeof value !== 'number') throw new Error(`"${path}" is ${JSON.stringify(value)}, not a number`);
  return value;
}

export function textAt(document: unknown, path: string): string {
  const value = fieldAt(document, path);
  if (typeof value !== 'string') throw new Error(`"${path}" is ${JSON.stringify(value)}, not a text`);
  return value;
}

export function listAt(document: unknown, path: string): readonly unknown[] {
  const value = fieldAt(document, path);
  if (!Array.isArray(value)) throw new Error(`"${path}" is ${JSON.stringify(value)}, not a list`);
  return value;
}

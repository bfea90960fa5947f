/** Constants of snort.lua. It is parsed and never run: what a program would have to compute stays unknown. */
import { type Expression, parse, type Statement } from 'luaparse';
import type { Place, Source } from '../source.ts';

export type LuaValue = string | number | boolean | LuaTable | undefined;

export interface LuaTable {
  readonly entries: Map<string | number, { readonly value: LuaValue; readonly at: Place }>;
  readonly at: Place;
}

export class LuaFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

type Scope = Map<string, { value: LuaValue; at: Place }>;

/** Global variables, and those of the file, as they stand at its end. */
export function luaConstants(source: Source): ReadonlyMap<string, { readonly value: LuaValue; readonly at: Place }> {
  const scope: Scope = new Map();
  for (const statement of parsed(source)) assign(statement, scope, source);
  return scope;
}

function parsed({ text }: Source): readonly Statement[] {
  try {
    return parse(text, { ranges: true, comments: false, luaVersion: 'LuaJIT', encodingMode: 'pseudo-latin1' }).body;
  } catch (error) {
    // It reads by recursion.
    if (error instanceof RangeError) throw new LuaFault('it is nested too deeply', 0);
    const offset = error instanceof Error && 'index' in error && typeof error.index === 'number' ? error.index : 0;
    throw new LuaFault(error instanceof Error ? error.message.replace(/^\[\d+:\d+\]\s*/, '') : 'it cannot be parsed', offset);
  }
}

function assign(statement: Statement, scope: Scope, source: Source): void {
  if (statement.type !== 'AssignmentStatement' && statement.type !== 'LocalStatement') return;
  for (const [index, variable] of statement.variables.entries()) {
    const init = statement.init[index];
    const at = source.placeOf((init ?? variable).range[0]);
    const value = init === undefined ? undefined : evaluate(init, scope, source);
    if (variable.type === 'Identifier') scope.set(variable.name, { value, at });
    else {
      const target = targetOf(variable, scope, source);
      target?.table.entries.set(target.key, { value, at });
    }
  }
}

/** As in daq.modules = ... and snort['-z'] = ... */
function targetOf(
  variable: Expression,
  scope: Scope,
  source: Source,
): { readonly table: LuaTable; readonly key: string | number } | undefined {
  if (variable.type !== 'MemberExpression' && variable.type !== 'IndexExpression') return undefined;
  const key = keyOf(variable, scope, source);
  const base = variable.base.type === 'Identifier' ? variable.base.name : undefined;
  // Snort has these tables before the file is read.
  if (base !== undefined && !scope.has(base)) {
    const at = source.placeOf(variable.range[0]);
    scope.set(base, { value: { entries: new Map(), at }, at });
  }
  const table = evaluate(variable.base, scope, source);
  return isTable(table) && key !== undefined ? { table, key } : undefined;
}

function keyOf(expression: Expression, scope: Scope, source: Source): string | number | undefined {
  if (expression.type === 'MemberExpression') return expression.identifier.name;
  if (expression.type !== 'IndexExpression') return undefined;
  const key = evaluate(expression.index, scope, source);
  return typeof key === 'string' || typeof key === 'number' ? key : undefined;
}

export function isTable(value: LuaValue): value is LuaTable {
  return typeof value === 'object';
}

function evaluate(expression: Expression, scope: Scope, source: Source): LuaValue {
  switch (expression.type) {
    case 'StringLiteral':
      return expression.value ?? undefined;
    case 'NumericLiteral':
    case 'BooleanLiteral':
      return expression.value;
    case 'Identifier':
      return scope.get(expression.name)?.value;
    case 'TableConstructorExpression':
      return tableOf(expression, scope, source);
    case 'BinaryExpression':
      return joined(expression, scope, source);
    case 'MemberExpression':
    case 'IndexExpression': {
      const [table, key] = [evaluate(expression.base, scope, source), keyOf(expression, scope, source)];
      return isTable(table) && key !== undefined ? table.entries.get(key)?.value : undefined;
    }
    default:
      return undefined;
  }
}

/** Longer ones are made to be long. */
const TEXT_MAX = 4096;

function joined({ operator, left, right }: Expression & { type: 'BinaryExpression' }, scope: Scope, source: Source): LuaValue {
  if (operator !== '..') return undefined;
  const [first, second] = [evaluate(left, scope, source), evaluate(right, scope, source)];
  const isText = (value: LuaValue): value is string | number => typeof value === 'string' || typeof value === 'number';
  const text = isText(first) && isText(second) ? `${first}${second}` : undefined;
  return text !== undefined && text.length <= TEXT_MAX ? text : undefined;
}

function tableOf({ fields, range }: Expression & { type: 'TableConstructorExpression' }, scope: Scope, source: Source): LuaTable {
  const entries: LuaTable['entries'] = new Map();
  let index = 0;
  for (const field of fields) {
    const entry = { value: evaluate(field.value, scope, source), at: source.placeOf(field.value.range[0]) };
    if (field.type === 'TableValue') {
      index += 1;
      entries.set(index, entry);
    } else {
      const key = field.type === 'TableKeyString' ? field.key.name : evaluate(field.key, scope, source);
      const at = source.placeOf(field.range[0]);
      if (typeof key === 'string' || typeof key === 'number') entries.set(key, { ...entry, at });
    }
  }
  return { entries, at: source.placeOf(range[0]) };
}

/** What of this project can take part in choosing the member of a group (native/steering), as lists of modes and columns of reports name it. */
import type { FanoutMode } from './fanout.ts';

interface BuiltinRow {
  /** The mode that it works in. */
  readonly mode: FanoutMode;
  /** Behind the name of the mode. */
  readonly suffix: string;
  /** The key of the option that asks for it, and what that takes; the first value is the one to write. */
  readonly option: string;
  readonly values: readonly string[];
  /** What it does, as a heading says it. */
  readonly promise: string;
}

/** A row each: the first program of a mode is what the mode alone means that needs one. */
export const BUILTINS = {
  addresses: {
    mode: 'ebpf',
    suffix: ':addresses',
    option: 'ebpfProgram',
    values: ['builtin:addresses', 'builtin'],
    promise: 'keeps innermost flows together, by their addresses',
  },
  ports: {
    mode: 'ebpf',
    suffix: ':ports',
    option: 'ebpfProgram',
    values: ['builtin:ports'],
    promise: 'keeps innermost flows together, by their addresses and ports; later fragments follow the first one',
  },
  /** A flow dissector, by which mode hash goes. */
  dissector: {
    mode: 'hash',
    suffix: '+dissector',
    option: 'dissector',
    values: ['builtin'],
    promise: 'keeps innermost flows together, by their addresses',
  },
} as const satisfies Readonly<Record<string, BuiltinRow>>;

export type Builtin = keyof typeof BUILTINS;
export const BUILTIN_KEYS = Object.keys(BUILTINS) as readonly Builtin[];

export function builtinRow(builtin: Builtin): BuiltinRow {
  return BUILTINS[builtin];
}

/** The one that these options ask for. */
export function builtinAskedFor(mode: FanoutMode, typed: (option: string) => unknown): Builtin | undefined {
  return BUILTIN_KEYS.find((key) => {
    const row = builtinRow(key);
    return row.mode === mode && row.values.some((value) => value === typed(row.option));
  });
}

/** Any arguments: they are understood, or refused with an exit status that is no verdict, before anything is started or written. */
import { strict as assert } from 'node:assert';
import { type Command, CommanderError } from 'commander';
import fc from 'fast-check';
import { declareProgram } from '../../src/commands/declare.ts';
import { COMMANDS } from '../../src/commands/registry.ts';
import { EXIT, FanoutError } from '../../src/errors.ts';
import { OPTION_KEYS, OPTIONS as TABLE } from '../../src/options/table.ts';
import { commandHost } from '../helpers/command-host.ts';
import { bytesOf, type FuzzTarget, mutated, textOf } from './target.ts';

/** Thrown where a command has understood its options, and would begin. */
class Understood extends Error {}

const begin = (): Promise<never> => Promise.reject(new Understood());

/** As src/cli.ts has it, but that nothing begins. */
function program(): { readonly root: Command; readonly written: { readonly stdout: string; readonly stderr: string } } {
  const { host, written } = commandHost({ enterLab: begin, prepare: begin });
  const root = declareProgram(host, () => {});
  for (const command of [root, ...root.commands]) command.configureOutput({ writeOut: host.stdout.write, writeErr: host.stderr.write });
  return { root, written };
}

export type Outcome = 'begins' | 'help' | 'refused' | 'too large';

/** What becomes of these arguments; throws what nobody foresaw. */
export async function outcomeOf(argv: readonly string[]): Promise<Outcome> {
  const { root, written } = program();
  try {
    await root.parseAsync(['node', 'fanout-cluster', ...argv]);
    return 'help';
  } catch (error) {
    if (error instanceof Understood) return 'begins';
    if (error instanceof CommanderError) {
      assert(written.stdout !== '' || written.stderr !== '', 'it says something');
      return error.exitCode === 0 ? 'help' : 'refused';
    }
    if (!(error instanceof FanoutError)) throw error;
    assert(error.message !== '' && error.remedy !== '', 'it says what, and what to do');
    if (error.code === 'TOO_LARGE') return 'too large';
    assert.equal(error.exitStatus, EXIT.usage, error.code);
    return 'refused';
  }
}

/** An argument cannot hold a NUL, so it separates them. */
export const argvOf = (input: Uint8Array): readonly string[] => textOf(input).split('\0');

const NAMES = ['', ...COMMANDS.map(({ name }) => name), 'help'];
const OPTIONS = OPTION_KEYS.flatMap((key) => {
  const row = TABLE[key];
  const names = row.flags.split(/[ ,]+/).filter((word) => word.startsWith('-'));
  const opposite = row.kind === 'flag' && 'negated' in row ? [row.flags.replace('--', '--no-')] : [];
  return [{ names: [...names, ...opposite], takes: row.kind !== 'flag', fitting: row.kind === 'flag' ? [] : row.fitting }];
});

const NUMBERS = ['0', '1', '2', '3', '100', '1000', '100000'];
const VALUES: readonly string[] = [...new Set([...OPTIONS.flatMap(({ fitting }) => fitting), ...NUMBERS, '.', '-n', '--'])];

const anyValue = mutated(fc.constantFrom(...VALUES), VALUES);
const option = fc.constantFrom(...OPTIONS).chain(({ names, takes, fitting }) => {
  const fittingValue = fc.oneof({ arbitrary: fc.constantFrom(...(fitting.length === 0 ? NUMBERS : fitting)), weight: 2 }, anyValue);
  return fc.tuple(fc.constantFrom(...names), fittingValue, fc.constantFrom('apart', 'joined', 'none')).map(([name, text, form]) => {
    if (form === 'none' || (!takes && text.length % 4 !== 0)) return [name];
    return form === 'apart' ? [name, text] : [`${name}${name.startsWith('--') ? '=' : ''}${text}`];
  });
});
const argument = fc.oneof(
  { arbitrary: option, weight: 8 },
  anyValue.map((text) => [text]),
  mutated(fc.constantFrom(...OPTIONS.flatMap(({ names }) => names))).map((text) => [text]),
);

export const commandLine: FuzzTarget = {
  name: 'command-line',
  covers: ['src/commands/{declare,registry}.ts', 'src/commands/*/options.ts', 'src/options/!(cbpf).ts'],
  words: [...VALUES, ...NAMES, ...OPTIONS.flatMap(({ names }) => names.map((name) => `\0${name}\0`))],
  inputs: fc
    .tuple(fc.constantFrom(...NAMES), fc.array(argument, { maxLength: 6 }))
    .map(([command, rest]) =>
      bytesOf([...(command === '' ? [] : [command]), ...rest.flat()].map((arg) => arg.replaceAll('\0', '')).join('\0')),
    ),
  run: async (input) => void (await outcomeOf(argvOf(input))),
};

/** The table of options, held against what commander makes of it and against the commands that list its keys. */
import { describe, expect, test } from 'vitest';
import { declareProgram } from '../../../src/commands/declare.ts';
import { COMMANDS } from '../../../src/commands/registry.ts';
import { defaultsOf, nameOf, OPTION_KEYS, OPTIONS, optionSet, readerOf, shownOptions } from '../../../src/options/table.ts';
import { commandHost } from '../../helpers/command-host.ts';
import { MACHINE } from '../../helpers/machine.ts';

const program = declareProgram(commandHost().host, () => {});

test('every option belongs to a command', () => {
  const listed = new Set(COMMANDS.flatMap(({ options }) => options.keys));
  expect(OPTION_KEYS.filter((key) => !listed.has(key))).toEqual([]);
});

test.each(program.commands.map((command) => [command.name(), command] as const))(
  '%s: commander hands options over by their keys',
  (name, command) => {
    const handedOver = new Set(command.options.map((option) => option.attributeName()));
    expect([...handedOver].sort()).toEqual([...(COMMANDS.find((spec) => spec.name === name)?.options.keys ?? [])].sort());
  },
);

describe.each(COMMANDS.map((spec) => [spec.name, spec] as const))('%s', (_, { options }) => {
  test('takes its own defaults', () => {
    const defaults = defaultsOf(options);
    const read = readerOf(defaults, MACHINE);
    // A list of sizes is read by its own command.
    const keys = options.keys.filter((key) => !(key === 'procs' && /,/.test(defaults.procs ?? '')));
    for (const key of keys) expect(() => read(key)).not.toThrow();
  });

  test('help says what holds where an option is not given', () => {
    for (const [key, text] of Object.entries(defaultsOf(options)))
      expect(shownOptions(options).find((shown) => shown.key === key)?.help).toContain(String(text));
  });
});

test('what a value is refused for names the option', () => {
  const read = readerOf({ snaplen: '63', maxLoss: '101', tolerate: ['none'], blockTimeout: '1e1' }, MACHINE);
  expect(() => read('snaplen')).toThrow('--snaplen: "63" is not a whole number from 64 to 65535');
  expect(() => read('maxLoss')).toThrow('--max-loss: "101"');
  expect(() => read('tolerate')).toThrow('--tolerate: "none"');
  expect(() => read('blockTimeout')).toThrow('--block-timeout: "1e1"');
});

test('a command may word an option in its own way', () => {
  const own = optionSet({ keys: ['procs', 'promisc'], own: { procs: { placeholder: '<list>', help: 'sizes', default: '1,2' } } });
  expect(shownOptions(own).map(({ flags, help }) => [flags, help])).toEqual([
    ['-n, --procs <list>', 'sizes (default: 1,2)'],
    ['--promisc', 'promiscuous mode (default: on a live interface)'],
    ['--no-promisc', 'no promiscuous mode'],
  ]);
  expect(defaultsOf(own)).toEqual({ procs: '1,2' });
});

test('names are what is typed', () => {
  expect(nameOf('maxFlows')).toBe('--max-flows');
  expect(OPTION_KEYS.map(nameOf).filter((name) => !/^--[a-z-]+$/.test(name))).toEqual([]);
  expect(OPTIONS.procs.flags).toContain(nameOf('procs'));
});

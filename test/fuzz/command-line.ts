/** Any arguments: they are understood, or refused with an exit status that is no verdict, before anything is started or written. */
import { strict as assert } from 'node:assert';
import { Command, CommanderError } from 'commander';
import fc from 'fast-check';
import { churnCommand } from '../../src/commands/churn/command.ts';
import { compareCommand } from '../../src/commands/compare/command.ts';
import { matrixCommand } from '../../src/commands/matrix/command.ts';
import { predictCommand } from '../../src/commands/predict/command.ts';
import { raceCommand } from '../../src/commands/race/command.ts';
import { runCommand } from '../../src/commands/run/command.ts';
import { scaleCommand } from '../../src/commands/scale/command.ts';
import { EXIT, FanoutError } from '../../src/errors.ts';
import { CAUSE_CODES } from '../../src/model/cause.ts';
import { FANOUT_MODE_NAMES } from '../../src/model/fanout.ts';
import { classesSelectedBy, groupNames } from '../../src/traffic/classes.ts';
import { commandHost } from '../helpers/command-host.ts';
import { bytesOf, type FuzzTarget, mutated, textOf } from './target.ts';

/** Thrown where a command has understood its options, and would begin. */
class Understood extends Error {}

const begin = (): Promise<never> => Promise.reject(new Understood());

/** As src/cli.ts puts it together, but that nothing begins. */
function program(): { readonly root: Command; readonly written: { readonly stdout: string; readonly stderr: string } } {
  const { host, written } = commandHost({ enterLab: begin });
  const done = (): void => {};
  const root = new Command('fanout-cluster').version('0', '-V, --version');
  root.addCommand(runCommand(host, begin, done), { isDefault: true });
  for (const command of [compareCommand, matrixCommand, predictCommand, churnCommand, scaleCommand, raceCommand])
    root.addCommand(command(host, begin, done));
  for (const command of [root, ...root.commands]) {
    command.exitOverride().showHelpAfterError('fanout-cluster --help lists the options');
    command.configureOutput({ writeOut: host.stdout.write, writeErr: host.stderr.write });
  }
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

const COMMANDS = ['', 'run', 'compare', 'matrix', 'predict', 'churn', 'scale', 'race', 'help'];
const OPTIONS = program().root.commands.flatMap(({ options }) =>
  options.map(({ long, short, required, optional }) => ({
    names: [long, short].filter((name) => name != null),
    takes: required || optional,
  })),
);

/** What options take, by what they are about; each is also given to the others. */
const FITTING: Readonly<Record<string, readonly string[]>> = {
  '--mode': FANOUT_MODE_NAMES,
  '--modes': ['hash', 'hash,hash+defrag,lb', 'hash+rollover', 'cbpf', 'qm,cpu'],
  '--traffic': [...groupNames(), ...classesSelectedBy('vlan*').slice(0, 3), 'vlan*,gre', 'list'],
  '--classes': ['all', 'vlan*', 'ipv4-tcp,arp'],
  '--tolerate': CAUSE_CODES.slice(0, 4),
  '--interface': ['lo', 'eth0', 'cap0', 'veth9.100'],
  '--lab-interface': ['tap', 'veth', 'auto'],
  '--procs': ['1', '2', '8', '16', '300', '1,2,4', '1,2,4,8,16'],
  '--pin': ['auto', '0', '0-1', '1,0', '0-3,8'],
  '--duration': ['500ms', '10s', '5m', '2h', '0.5', '90'],
  '--status-interval': ['100ms', '1s', '1m'],
  '--worker-timeout': ['500ms', '10s'],
  '--ring-size': ['4M', '1g', '8192', '256K', '3M'],
  '--block-size': ['64K', '4096', '1M', '5000', '4K'],
  '--block-timeout': ['1', '10', '100'],
  '--snaplen': ['64', '192', '65535'],
  '--max-loss': ['0', '0.25', '100'],
  '--group-id': ['1', '42', '65535'],
  '--nic': [
    'queues=8',
    'queues=4,rss=symmetric,fields=sd',
    'queues=2,rss=xor,table=0:1:1:0',
    `queues=2,key=${'6d5a'.repeat(20)}`,
    'table=0:3',
  ],
  '--filter': ['tcp port 443', 'vlan and ip'],
  '--cbpf-program': ['none', '/dev/null', '/proc/version', '/nowhere'],
  '--ebpf-program': ['none', '/sys/fs/bpf/lb', 'lb.o'],
  '--pcap': ['trace.pcap', '-'],
  '--json': ['run.json', '-', '/dev/null'],
};
const NUMBERS = ['0', '1', '2', '3', '100', '1000', '100000'];
const VALUES: readonly string[] = [...new Set([...Object.values(FITTING).flat(), ...NUMBERS, '.', '-n', '--'])];

const anyValue = mutated(fc.constantFrom(...VALUES), VALUES);
const fittingValue = (names: readonly string[]) => {
  const fitting = names.flatMap((name) => FITTING[name] ?? []);
  return fc.oneof({ arbitrary: fc.constantFrom(...(fitting.length === 0 ? NUMBERS : fitting)), weight: 2 }, anyValue);
};
const option = fc.constantFrom(...OPTIONS).chain(({ names, takes }) =>
  fc.tuple(fc.constantFrom(...names), fittingValue(names), fc.constantFrom('apart', 'joined', 'none')).map(([name, text, form]) => {
    if (form === 'none' || (!takes && text.length % 4 !== 0)) return [name];
    return form === 'apart' ? [name, text] : [`${name}${name.startsWith('--') ? '=' : ''}${text}`];
  }),
);
const argument = fc.oneof(
  { arbitrary: option, weight: 8 },
  anyValue.map((text) => [text]),
  mutated(fc.constantFrom(...OPTIONS.flatMap(({ names }) => names))).map((text) => [text]),
);

export const commandLine: FuzzTarget = {
  name: 'command-line',
  covers: ['src/commands/run/command.ts', 'src/commands/*/options.ts', 'src/options/!(cbpf).ts'],
  words: [...VALUES, ...COMMANDS, ...OPTIONS.flatMap(({ names }) => names.map((name) => `\0${name}\0`))],
  inputs: fc
    .tuple(fc.constantFrom(...COMMANDS), fc.array(argument, { maxLength: 6 }))
    .map(([command, rest]) =>
      bytesOf([...(command === '' ? [] : [command]), ...rest.flat()].map((arg) => arg.replaceAll('\0', '')).join('\0')),
    ),
  run: async (input) => void (await outcomeOf(argvOf(input))),
};

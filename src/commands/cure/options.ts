/** The options of `cure`, checked once. */
import type { IdsName } from '../../deployment/depth.ts';
import { FanoutError } from '../../errors.ts';
import type { SteeredLayer, SteeringPolicy } from '../../model/steering.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOutput } from '../../options/options.ts';
import { OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';

/** What is to be done, and where: one thing at a time. */
export type Task =
  | { readonly kind: 'hash'; readonly undo: boolean; readonly withoutFallback: boolean }
  | { readonly kind: 'group'; readonly id: number; readonly undo: boolean }
  | { readonly kind: 'write'; readonly path: string }
  /** How an IDS is cured, in words. */
  | { readonly kind: 'advice' }
  | { readonly kind: 'status' };

export interface CureOptions {
  readonly task: Task;
  /** Empty: whoever reads the groups here. */
  readonly ids: readonly IdsName[];
  readonly policy: SteeringPolicy | undefined;
  readonly layers: readonly SteeredLayer[] | undefined;
  /** As it was named. */
  readonly netns: string | undefined;
  /** Of the run that proves it; undefined: that of the groups. */
  readonly interface: string | undefined;
  readonly verify: boolean;
  /** Online here. */
  readonly cpus: number;
  readonly output: Options['output'];
}

export const CURE_OPTIONS = optionSet({
  keys: [
    'ids',
    'hash',
    'group',
    'write',
    'policy',
    'layers',
    'netns',
    'withoutFallback',
    'undo',
    'status',
    'verify',
    'interface',
    ...OUTPUT_KEYS,
  ],
  own: { interface: { help: 'where the run captures that proves it', otherwise: 'where the groups are' } },
});

/** As typed. */
export type RawCureOptions = TypedOf<typeof CURE_OPTIONS>;

export function parseCureOptions(typed: RawCureOptions, machine: Machine): CureOptions {
  const read = readerOf(typed, machine);
  const ids = read('ids') ?? [];
  const task = parseTask(read, ids);
  const policy = read('policy');
  if (policy === 'ports' && task.kind === 'hash')
    throw contradictory(
      '--policy ports is for a steering program: the flow dissector goes by addresses, as later fragments have no ports',
      'leave --policy out, or use a group in mode ebpf',
    );
  const layers = read('layers');
  if (read('undo') && (ids.length > 0 || layers !== undefined || policy !== undefined))
    throw contradictory('--undo takes away what is there, whatever it looks into', 'leave --ids, --layers and --policy out');
  const [verify, output] = [read('verify'), parseOutput(read)];
  if (verify && (task.kind === 'advice' || task.kind === 'status'))
    throw contradictory('--verify proves a cure, and nothing is cured here', 'name one: --hash, --group ID or --write FILE');
  const cpus = machine.onlineCpus.length;
  return { task, ids, policy, layers, netns: read('netns'), interface: read('interface'), verify, cpus, output };
}

type Read = ReturnType<typeof readerOf>;

function parseTask(read: Read, ids: readonly IdsName[]): Task {
  const [undo, group, path] = [read('undo'), read('group'), read('write')];
  const tasks: readonly Task[] = [
    ...(read('hash') ? [{ kind: 'hash', undo, withoutFallback: read('withoutFallback') } as const] : []),
    ...(group === undefined ? [] : [{ kind: 'group', id: group, undo } as const]),
    ...(path === undefined ? [] : [{ kind: 'write', path } as const]),
    ...(read('status') ? [{ kind: 'status' } as const] : []),
  ];
  const [task, second] = tasks;
  if (second !== undefined) throw contradictory('--hash, --group, --write and --status are four things to do', 'do one at a time');
  if (undo && task?.kind !== 'hash' && task?.kind !== 'group')
    throw contradictory('--undo needs to know what', 'add --hash or --group ID; a file that was written is removed by rm');
  if (path === '-')
    throw new FanoutError('USAGE', '--write -: the object is for a loader that opens it by its name', 'name a file, or /dev/stdout');
  if (task !== undefined) return task;
  if (ids.length > 0) return { kind: 'advice' };
  throw new FanoutError(
    'USAGE',
    'cure: nothing says what is to be cured',
    'groups in mode hash: sudo fanout-cluster cure --hash; how your IDS is cured: fanout-cluster cure --ids suricata (or zeek, snort, arkime, packetbeat)',
  );
}

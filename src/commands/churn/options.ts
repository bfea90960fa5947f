/** The options of `churn`, checked once. */
import { FanoutError } from '../../errors.ts';
import { epochsMax } from '../../model/run-limits.ts';
import { checkMachineCanHold } from '../../options/capacity.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOptions } from '../../options/options.ts';
import { DEPLOYMENT_KEYS, defaultsOf, OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory, usage } from '../../options/values.ts';

export interface ChurnOptions {
  readonly run: Options;
  /** Whose members are killed, one after the other; each is replaced before the next. */
  readonly slots: readonly number[];
  readonly packetsPerSecond: number;
  readonly output: Options['output'];
}

export const CHURN_OPTIONS = optionSet({
  keys: [
    ...DEPLOYMENT_KEYS,
    'interface',
    'slot',
    'procs',
    'mode',
    'defrag',
    'ebpfProgram',
    'dissector',
    'ringSize',
    'workerTimeout',
    'labInterface',
    'traffic',
    'flows',
    'rate',
    'seed',
    ...OUTPUT_KEYS,
  ],
  own: {
    interface: { help: 'with --from: its group on this interface', otherwise: 'the only one' },
    procs: { help: 'processes in the group, at least 2', default: '4' },
    mode: { help: 'hash or ebpf' },
    ebpfProgram: { help: 'steering program of mode ebpf: builtin[:addresses|:ports]' },
    // With so many a share is known to 0.02 with room to spare: four standard deviations of a half.
    flows: { help: 'flows to follow', default: '10000' },
    traffic: { default: 'ipv4-tcp,ipv4-udp,ipv6-tcp' },
    rate: { default: '100000' },
    ringSize: { default: '8M' },
  },
});

/** A ring of many small blocks outlasts a worker that is kept waiting: each is handed over when its time is up, however little is in it. */
const BLOCK_SIZE = '64K';

const PACKETS_PER_FLOW = 2;

/** As typed. */
export type RawChurnOptions = TypedOf<typeof CHURN_OPTIONS>;

export function parseChurnOptions(typed: RawChurnOptions, machine: Machine): ChurnOptions {
  const fixed = { packetsPerFlow: String(PACKETS_PER_FLOW), blockSize: BLOCK_SIZE };
  const run = parseOptions({ ...defaultsOf(CHURN_OPTIONS), ...typed, ...fixed }, machine);
  if (run.source.kind !== 'lab') throw new TypeError('churn is for the lab');
  if (run.procs < 2) throw usage('--procs', String(run.procs), 'a number of at least 2: of one process nothing is left');
  // How many flows should move is known of these alone.
  if (run.mode !== 'hash' && run.builtin === undefined)
    throw contradictory(
      `churn in mode ${run.mode} without the built-in program: what should move is known of mode hash and of that program alone`,
      'use --mode hash, or --mode ebpf --ebpf-program builtin',
    );
  const slot = readerOf(typed, machine)('slot');
  if (slot !== undefined && slot >= run.procs) throw usage('--slot', typed.slot, `a whole number from 0 to ${run.procs - 1}`);
  const slots = slot === undefined ? Array.from({ length: run.procs }, (_, i) => i) : [slot];
  const { ring } = run;
  // Each loss and each replacement begins an epoch, and so does the link.
  const members = run.procs + slots.length;
  if (2 * slots.length + 2 > epochsMax(members))
    throw new FanoutError(
      'TOO_LARGE',
      `replacing ${slots.length} of ${run.procs} processes changes the group more often than is kept apart (${epochsMax(members)} epochs)`,
      'use fewer --procs, or replace one of them (--slot)',
    );
  // Whoever is killed may still hold its ring when the next has come.
  checkMachineCanHold(run.procs + 1, ring.blockBytes * ring.blockCount, machine);
  return { run, slots, packetsPerSecond: run.source.packetsPerSecond, output: run.output };
}

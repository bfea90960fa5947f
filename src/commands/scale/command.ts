/** `scale`: what a group carries and costs as it grows, in the lab. Its exit status says whether it was measured, not what. */
import { Command, Option } from 'commander';
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { FANOUT_MODE_NAMES } from '../../model/fanout.ts';
import { isMeasured, type ScaleResult } from '../../model/scale.ts';
import { allowedCpus } from '../../options/machine.ts';
import { DEFAULTS, INJECTIONS } from '../../options/options.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { reported } from '../reported.ts';
import type { Collector } from '../run/command.ts';
import type { RunScale, ScaleIo } from './io.ts';
import { parseScaleOptions, type RawScaleOptions, SCALE_DEFAULTS, type ScaleOptions } from './options.ts';
import { renderScale, renderScaleBrief } from './report.ts';
import { figureDoubts } from './scale-doubts.ts';

export type LoadScale = () => Promise<Collector & { readonly runScale: RunScale }>;

/** @param done receives the exit status */
export function scaleCommand(host: Host, loadCollector: LoadScale, done: (status: ExitStatus) => void): Command {
  const command = new Command('scale').description('rate, loss, balance, CPU time and memory as the group grows, in the lab');
  for (const option of OPTIONS) command.addOption(option());
  return command.action(async (raw: RawScaleOptions) => {
    const options = host.parse((machine) => parseScaleOptions(raw, machine, allowedCpus()));
    await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    const { runScale, runCluster, provisioning } = await loadCollector();
    const runs = options.sizes.flatMap((size) => ('refused' in size ? [] : [size.options]));
    done(await compareSizes(options, host, provisioning({ runs }), (io) => runScale(options, io, runCluster)));
  });
}

type Compare = (io: ScaleIo) => Promise<ScaleResult>;

export async function compareSizes(
  { sizes, output }: ScaleOptions,
  host: Host,
  openings: Openings<Provisions>,
  run: Compare,
): Promise<ExitStatus> {
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onSize = (procs: number, index: number): void => {
    if (!output.quiet) host.stderr.write(`measuring ${procs} ${procs === 1 ? 'process' : 'processes'} (${index + 1} of ${sizes.length})\n`);
  };
  const work = (provisions: Provisions) => run({ version: host.version, provisions, signal: host.signal, onSize });
  const result = await reported(output, host, openings, work, { full: renderScale, brief: renderScaleBrief });
  return result.sizes.every((size) => isMeasured(size) && figureDoubts(size.doubts).length === 0) ? EXIT.yes : EXIT.inconclusive;
}

const OPTIONS: readonly (() => Option)[] = [
  () => new Option('-n, --procs <list>', `sizes of the group, each 1 to 65536 (default: ${SCALE_DEFAULTS.procs})`),
  () => new Option('-m, --mode <mode>', `${FANOUT_MODE_NAMES.join(', ')} (default: ${DEFAULTS.mode})`),
  () => new Option('--defrag', 'let the kernel reassemble IPv4 fragments first'),
  () => new Option('--rollover', 'let the kernel pass packets on when a ring is full'),
  () => new Option('--cbpf-program <file>', 'steering program of mode cbpf, as for a run'),
  () => new Option('--ebpf-program <path>', 'steering program of mode ebpf, as for a run'),
  () => new Option('--traffic <class,...>', 'classes or groups of traffic (default: standard)'),
  () => new Option('--flows <count>', `two-way flows to make up (default: ${SCALE_DEFAULTS.flows})`),
  () =>
    new Option('--packets <count>', `packets for each size, rounded up to whole rounds of all flows (default: ${SCALE_DEFAULTS.packets})`),
  () => new Option('--duration <time>', `ends a size that takes longer (default: ${SCALE_DEFAULTS.duration})`),
  () => new Option('--rate <pps>', 'packets per second (default: as fast as it goes)'),
  () => new Option('--work-ns <ns>', `simulated cost of inspecting a packet (default: ${DEFAULTS.workNs})`),
  () => new Option('--ring-size <size>', `ring memory of each process (default: ${DEFAULTS.ringSize})`),
  () => new Option('--block-size <size>', `a multiple of the page size (default: ${DEFAULTS.blockSize})`),
  () => new Option('--block-timeout <ms>', `milliseconds after which a block is handed over (default: ${DEFAULTS.blockTimeout})`),
  () => new Option('--seed <number>', 'makes the same traffic again (default: at random)'),
  () => new Option('--lab-interface <kind>', `${INJECTIONS.join(', ')} (default: ${DEFAULTS.labInterface})`),
  () => new Option('--json [file]', 'the figures as JSON, to a file or to standard output instead of the text'),
  () => new Option('--quiet', 'no progress, and the conclusions only'),
  () => new Option('--no-color', 'no colours'),
];

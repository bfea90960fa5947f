/** `compare`: several modes on the same packets, one table, and which of them to use. */
import { Command, Option } from 'commander';
import { renderComparison, renderComparisonBrief } from '../collector/report/comparison.ts';
import { renderOwnLoad } from '../collector/report/own-load.ts';
import { printable } from '../collector/report/printable.ts';
import type { CompareIo, MeasureOwnLoad, RunCompare, Runners } from '../collector/run-io.ts';
import { COMPARE_DEFAULTS, type CompareOptions, parseCompareOptions, type RawCompareOptions } from '../config/compare-options.ts';
import { readMachine } from '../config/machine.ts';
import type { RawOptions } from '../config/options.ts';
import { EXIT, type ExitStatus } from '../errors.ts';
import { runSelf } from '../host/self.ts';
import type { ComparisonResult } from '../model/comparison.ts';
import type { OwnLoad } from '../model/own-load.ts';
import { type Host, progressOn } from './host.ts';
import { reported } from './reported.ts';
import { addRunOptions } from './run.ts';

export type LoadCompare = () => Promise<Runners & { readonly runCompare: RunCompare; readonly measureOwnLoad: MeasureOwnLoad }>;

/** @param done receives the exit status */
export function compareCommand(host: Host, loadCollector: LoadCompare, done: (status: ExitStatus) => void): Command {
  const command = new Command('compare').description('test several modes on the same packets, and say which of them to use');
  command.addOption(
    new Option(
      '--modes <list>',
      `modes, with flags behind a + (default: ${COMPARE_DEFAULTS.modes}; cbpf and ebpf where a program is given)`,
    ),
  );
  command.addOption(
    new Option('--measure-load', 'the lab: only measure what testing these modes at once costs, and at which rate packets are lost'),
  );
  command.addOption(new Option('--no-own-load', 'live: do not measure first, in the lab, what so many groups cost this machine'));
  addRunOptions(command, (name) => !OF_ONE_GROUP.has(name));
  return command.optionsGroup('Other:').action(async (raw: RawCompareOptions) => {
    const options = parseCompareOptions(raw, readMachine());
    if (!options.isLive) await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    const { runCompare, measureOwnLoad, ...runners } = await loadCollector();
    if (options.ownLoad === 'only') done(await showOwnLoad(options, host, measureOwnLoad));
    else done(await compare(options, host, (io) => runCompare(options, io, runners)));
  });
}

/** Options of a run that a comparison chooses itself, or that make no sense for several groups. */
const OF_ONE_GROUP: ReadonlySet<string> = new Set([
  'mode',
  'defrag',
  'rollover',
  'groupId',
  'failFast',
  'loop',
] satisfies (keyof RawOptions)[]);

type Work = (io: CompareIo) => Promise<ComparisonResult>;

export async function compare(options: CompareOptions, host: Host, work: Work): Promise<ExitStatus> {
  const { runs, output } = options;
  const progress = progressOn(host, output, runs[0]?.statusIntervalMs ?? 1000);
  const io: CompareIo = {
    version: host.version,
    signal: host.signal,
    onProgress: (snapshot) => progress?.update(snapshot),
    onMode: (label, index) => {
      if (!output.quiet) host.stderr.write(`testing ${printable(label)} (${index + 1} of ${runs.length})\n`);
    },
    measureOwnLoad: () => ownLoadElsewhere(options, host),
  };
  const run = () => work(io).finally(() => progress?.finish());
  const result = await reported(output, host, run, { full: renderComparison, brief: renderComparisonBrief });
  return EXIT[result.recommendation.answer];
}

async function showOwnLoad({ runs, output }: CompareOptions, host: Host, measure: MeasureOwnLoad): Promise<ExitStatus> {
  const work = () => measure(runs, { version: host.version, signal: host.signal });
  await reported(output, host, work, { full: renderOwnLoad, brief: renderOwnLoad });
  return EXIT.yes;
}

const OWN_LOAD_TIMEOUT_MS = 120_000;

/** In a lab, and so in another process: this one is in the namespace of the live interface. */
async function ownLoadElsewhere({ ownLoadArguments, output }: CompareOptions, host: Host): Promise<OwnLoad | undefined> {
  if (!output.quiet) host.stderr.write('measuring in the lab what so many groups cost this machine\n');
  const { exitCode, stdout } = await runSelf(ownLoadArguments, OWN_LOAD_TIMEOUT_MS, host.signal);
  return exitCode === EXIT.yes ? (JSON.parse(stdout) as OwnLoad) : undefined;
}

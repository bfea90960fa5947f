/** `matrix`: every class of traffic in every mode, in the lab. A survey: its exit status says whether it was measured, not what. */
import { Command, Option } from 'commander';
import { printable } from '../../collector/report/printable.ts';
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { MatrixResult } from '../../model/matrix.ts';
import { INJECTIONS } from '../../options/options.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { reported } from '../reported.ts';
import type { Collector } from '../run/command.ts';
import type { MatrixIo, RunMatrix } from './io.ts';
import { MATRIX_DEFAULTS, type MatrixOptions, parseMatrixOptions, type RawMatrixOptions } from './options.ts';
import { renderMatrix, renderMatrixBrief } from './report.ts';

export type LoadMatrix = () => Promise<Collector & { readonly runMatrix: RunMatrix }>;

/** @param done receives the exit status */
export function matrixCommand(host: Host, loadCollector: LoadMatrix, done: (status: ExitStatus) => void): Command {
  const command = new Command('matrix').description('survey every class of traffic in every mode, in the lab: what is safe on this kernel');
  for (const option of OPTIONS) command.addOption(option());
  return command.action(async (raw: RawMatrixOptions) => {
    const options = host.parse((machine) => parseMatrixOptions(raw, machine));
    await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    const { runMatrix, runCluster, provisioning } = await loadCollector();
    done(await survey(options, host, provisioning({ runs: options.runs }), (io) => runMatrix(options, io, runCluster)));
  });
}

type Survey = (io: MatrixIo) => Promise<MatrixResult>;

export async function survey(
  { runs, output }: MatrixOptions,
  host: Host,
  openings: Openings<Provisions>,
  run: Survey,
): Promise<ExitStatus> {
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onMode = (label: string, index: number): void => {
    if (!output.quiet) host.stderr.write(`measuring ${printable(label)} (${index + 1} of ${runs.length})\n`);
  };
  const work = (provisions: Provisions) => run({ version: host.version, provisions, signal: host.signal, onMode });
  const result = await reported(output, host, openings, work, { full: renderMatrix, brief: renderMatrixBrief });
  return result.runs.some(({ doubts }) => doubts.length > 0) ? EXIT.inconclusive : EXIT.yes;
}

const OPTIONS: readonly (() => Option)[] = [
  () => new Option('--classes <list>', `classes, groups or globs, as --traffic has them (default: ${MATRIX_DEFAULTS.classes})`),
  () => new Option('--modes <list>', `modes, with flags behind a + (default: ${MATRIX_DEFAULTS.modes})`),
  () => new Option('-n, --procs <count>', `processes in each group (default: ${MATRIX_DEFAULTS.procs})`),
  () => new Option('--flows <count>', `flows of each class (default: ${MATRIX_DEFAULTS.flows})`),
  () => new Option('--seed <number>', 'makes the same traffic again (default: at random)'),
  () => new Option('--rate <pps>', `packets per second (default: ${MATRIX_DEFAULTS.rate})`),
  () => new Option('--ring-size <size>', `ring memory of each process (default: ${MATRIX_DEFAULTS.ringSize})`),
  () => new Option('--lab-interface <kind>', `${INJECTIONS.join(', ')} (default: auto)`),
  () => new Option('--json [file]', 'the table as JSON, to a file or to standard output instead of the text'),
  () => new Option('--quiet', 'no progress, and the conclusions only'),
  () => new Option('--no-color', 'no colours'),
];

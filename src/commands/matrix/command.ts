/** `matrix`: every class of traffic in every mode, in the lab. A survey: its exit status says whether it was measured, not what. */
import { printable } from '../../collector/report/printable.ts';
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { loadCollector } from '../collector.ts';
import { reported } from '../reported.ts';
import { commandSpec, exitText } from '../spec.ts';
import type { MatrixIo } from './io.ts';
import { MATRIX_OPTIONS, type MatrixOptions, parseMatrixOptions } from './options.ts';
import { matrixBrief, matrixDocument } from './report.ts';
import type { MatrixResult } from './result.ts';

export const matrixCommand = commandSpec({
  name: 'matrix',
  summary: 'survey every class of traffic in every mode, in the lab: what is safe on this kernel',
  options: MATRIX_OPTIONS,
  exitStatuses: exitText('0 measured', '3 measured, but not all of it can be trusted'),
  perform: async ({ typed }, host) => {
    const options = host.parse((machine) => parseMatrixOptions(typed, machine));
    await host.enterLab();
    const [{ runCluster, provisioning, clock }, { runMatrix }] = await Promise.all([loadCollector(), import('./matrix.ts')]);
    return survey(options, host, provisioning({ runs: options.runs, mayLeaveOut: true }), (io) =>
      runMatrix(options, { ...io, clock }, runCluster),
    );
  },
});

type Survey = (io: Omit<MatrixIo, 'clock'>) => Promise<MatrixResult>;

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
  const result = await reported(output, host, openings, work, { full: matrixDocument, brief: matrixBrief });
  return result.runs.some(({ doubts }) => doubts.length > 0) ? EXIT.inconclusive : EXIT.yes;
}

/** `scale`: what a group carries and costs as it grows, in the lab. Its exit status says whether it was measured, not what. */
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { allowedCpus } from '../../options/machine.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { loadCollector } from '../collector.ts';
import { parsedAs, receiveRingsFor, typedOrDeployed } from '../deployed.ts';
import { reported } from '../reported.ts';
import { commandSpec, exitText } from '../spec.ts';
import type { ScaleIo } from './io.ts';
import { parseScaleOptions, SCALE_OPTIONS, type ScaleOptions, sizesUpTo } from './options.ts';
import { scaleBrief, scaleDocument } from './report.ts';
import { isMeasured, type ScaleResult } from './result.ts';
import { figureDoubts } from './scale-doubts.ts';

export const scaleCommand = commandSpec({
  name: 'scale',
  summary: 'rate, loss, balance, CPU time and memory as the group grows, in the lab',
  options: SCALE_OPTIONS,
  exitStatuses: exitText('0 measured', '3 measured, but not all of it can be trusted'),
  perform: async ({ typed }, host) => {
    const receiveRings = await receiveRingsFor(typed);
    const options = host.parse((machine, files) => {
      const { raw, ...deployed } = typedOrDeployed(typed, {
        command: 'scale',
        isForLab: true,
        keys: SCALE_OPTIONS.keys,
        machine,
        files,
        receiveRings,
      });
      const sized = typed.procs === undefined && raw.procs !== undefined ? { ...raw, procs: sizesUpTo(Number(raw.procs)) } : raw;
      return { ...parsedAs(deployed, () => parseScaleOptions(sized, machine, allowedCpus())), ...deployed };
    });
    await host.enterLab();
    const [{ runCluster, provisioning, clock }, { runScale }] = await Promise.all([loadCollector(), import('./scale.ts')]);
    const runs = options.sizes.flatMap((size) => ('refused' in size ? [] : [size.options]));
    return compareSizes(options, host, provisioning({ runs }), (io) => runScale(options, { ...io, clock }, runCluster));
  },
});

type Compare = (io: Omit<ScaleIo, 'clock'>) => Promise<ScaleResult>;

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
  const result = await reported(output, host, openings, work, { full: scaleDocument, brief: scaleBrief });
  return result.sizes.every((size) => isMeasured(size) && figureDoubts(size.doubts).length === 0) ? EXIT.yes : EXIT.inconclusive;
}

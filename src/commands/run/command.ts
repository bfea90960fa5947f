/** `run`: test one group, on live traffic or in the lab. */
import { lastSnapshot } from '../../collector/report/progress.ts';
import type { RunIo } from '../../collector/run/io.ts';
import type { Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { RunResult } from '../../model/run-result.ts';
import { type Options, parseOptions } from '../../options/options.ts';
import { OPTION_KEYS, OPTIONS, optionSet } from '../../options/table.ts';
import { type Host, progressOn } from '../../process/host.ts';
import { type Collector, loadCollector } from '../collector.ts';
import { isDeployed, receiveRingsFor } from '../deployed.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import { parseDeployment, runDeployment } from './deployment.ts';
import { runBrief, runDocument } from './report.ts';
import { renderTrafficList } from './traffic-list.ts';

const RUN_OPTIONS = optionSet({ keys: OPTION_KEYS.filter((key) => OPTIONS[key].section !== 'own') });

export const runCommand = commandSpec({
  name: 'run',
  summary: 'test one fanout group, on live traffic or in the lab (default)',
  options: RUN_OPTIONS,
  exitStatuses: 'Exit status: 0 yes, 1 no, 2 usage, 3 inconclusive, 4 cannot run, 70 defect of this tool.',
  perform: async ({ typed }, host) => {
    if (typed.traffic === 'list') {
      host.stdout.write(renderTrafficList());
      return EXIT.yes;
    }
    const receiveRings = await receiveRingsFor(typed);
    const { groups, untested } = host.parse((machine, files) =>
      isDeployed(typed)
        ? parseDeployment(typed, { command: 'a run', keys: RUN_OPTIONS.keys, machine, files, receiveRings })
        : ({ groups: [parseOptions(typed, machine)], untested: [] } as const),
    );
    const [options] = groups;
    if (options.source.kind !== 'live') await host.enterLab();
    const collector = await loadCollector();
    return groups.length + untested.length === 1 ? run(options, host, collector) : runDeployment({ groups, untested }, host, collector);
  },
});

export async function run(
  options: Options,
  host: Host,
  { runCluster, provisioning, clock }: Pick<Collector, 'runCluster' | 'provisioning' | 'clock'>,
): Promise<ExitStatus> {
  const { output, statusIntervalMs } = options;
  const work = async (provisions: Provisions) => {
    const progress = progressOn(host, output, statusIntervalMs);
    const io: RunIo = { version: host.version, clock, signal: host.signal, onProgress: (snapshot) => progress?.update(snapshot) };
    try {
      const result = await runCluster(options, { ...io, provisions });
      progress?.finish(lastSnapshot(result));
      return result;
    } catch (error) {
      progress?.finish();
      throw error;
    }
  };
  return statusOf(await reported(output, host, provisioning({ runs: [options] }), work, { full: runDocument, brief: runBrief }));
}

function statusOf({ verdict }: RunResult): ExitStatus {
  return EXIT[verdict.answer];
}

/** `compare`: several modes on the same packets, one table, and which of them to use. */
import { printable } from '../../collector/report/printable.ts';
import type { Openings, Provisioning, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { Options } from '../../options/options.ts';
import { type Host, progressOn } from '../../process/host.ts';
import { runSelf } from '../../process/self.ts';
import { loadCollector } from '../collector.ts';
import { parsedAs, receiveRingsFor, typedOrDeployed } from '../deployed.ts';
import { reported } from '../reported.ts';
import { commandSpec, exitText } from '../spec.ts';
import type { CompareIo, OwnLoadIo } from './io.ts';
import { COMPARE_OPTIONS, type CompareOptions, parseCompareOptions } from './options.ts';
import { ownLoadDocument } from './own-load-report.ts';
import { type OwnLoad, ownLoadIn } from './own-load-result.ts';
import { comparisonBrief, comparisonDocument } from './report.ts';
import type { ComparisonResult } from './result.ts';

export const compareCommand = commandSpec({
  name: 'compare',
  summary: 'test several modes on the same packets, and say which of them to use',
  options: COMPARE_OPTIONS,
  exitStatuses: exitText('0 a mode kept all flows, 1 none did', '3 nothing is shown'),
  perform: async ({ typed }, host) => {
    const receiveRings = await receiveRingsFor(typed);
    const options = host.parse((machine, files): CompareOptions => {
      const { raw, ...deployed } = typedOrDeployed(typed, { command: 'compare', keys: COMPARE_OPTIONS.keys, machine, files, receiveRings });
      const parsed = parsedAs(deployed, () => parseCompareOptions(raw, machine));
      return { ...parsed, runs: parsed.runs.map((run) => ({ ...run, ...deployed })) };
    });
    if (!options.isLive) await host.enterLab();
    const [{ provisioning, conduct, clock, ...runners }, { runCompare }, { measureOwnLoad }] = await Promise.all([
      loadCollector(),
      import('./compare.ts'),
      import('./own-load.ts'),
    ]);
    return options.ownLoad === 'only'
      ? showOwnLoad(options, host, provisioning, (groups, io) => measureOwnLoad(groups, { ...io, clock }, conduct))
      : compare(options, host, provisioning({ runs: options.runs, mayLeaveOut: true }), (io) =>
          runCompare(options, { ...io, clock }, runners),
        );
  },
});

type Work = (io: Omit<CompareIo, 'clock'>) => Promise<ComparisonResult>;

export async function compare(options: CompareOptions, host: Host, openings: Openings<Provisions>, work: Work): Promise<ExitStatus> {
  const { runs, output } = options;
  const progress = progressOn(host, output, runs[0]?.statusIntervalMs ?? 1000);
  const io: Omit<CompareIo, 'clock' | 'provisions' | 'measureOwnLoad'> = {
    version: host.version,
    signal: host.signal,
    onProgress: (snapshot) => progress?.update(snapshot),
    onMode: (label, index) => {
      if (!output.quiet) host.stderr.write(`testing ${printable(label)} (${index + 1} of ${runs.length})\n`);
    },
  };
  const run = ({ provisions, ownLoad }: WithOwnLoad) =>
    work({ ...io, provisions, measureOwnLoad: () => ownLoad ?? ownLoadElsewhere(options, host) }).finally(() => progress?.finish());
  const result = await reported(output, host, withOwnLoad(options, host, openings), run, {
    full: comparisonDocument,
    brief: comparisonBrief,
  });
  return EXIT[result.recommendation.answer];
}

interface WithOwnLoad {
  readonly provisions: Provisions;
  /** Begun already. */
  readonly ownLoad: Promise<OwnLoad | undefined> | undefined;
}

// The lab in which it is measured is root's too, if this process is: it must be started while that is so.
function withOwnLoad(options: CompareOptions, host: Host, openings: Openings<Provisions>): Openings<WithOwnLoad> {
  return {
    open: async (rights) => {
      const provisions = await openings.open(rights);
      const isWanted = options.ownLoad === 'first' && rights.runAs !== undefined;
      return { provisions, ownLoad: isWanted ? ownLoadElsewhere(options, host) : undefined };
    },
    handOver: ({ provisions }) => openings.handOver(provisions),
    takeOver: async (handed) => ({ provisions: await openings.takeOver(handed), ownLoad: undefined }),
  };
}

async function showOwnLoad(
  { runs, output }: CompareOptions,
  host: Host,
  provisioning: Provisioning,
  measure: (groups: readonly Options[], io: Omit<OwnLoadIo, 'clock'>) => Promise<OwnLoad>,
): Promise<ExitStatus> {
  const [first, ...others] = runs;
  // One group alone comes first, and then all of them.
  const needs = { runs: first === undefined ? runs : [first, first, ...others], mayLeaveOut: true };
  const work = (provisions: Provisions) => {
    const groups = runs.filter((run) => provisions.refusalOf(run) === undefined);
    return measure(groups.length === 0 ? runs : groups, { version: host.version, provisions, signal: host.signal });
  };
  await reported(output, host, provisioning(needs), work, { full: ownLoadDocument, brief: ownLoadDocument });
  return EXIT.yes;
}

const OWN_LOAD_TIMEOUT_MS = 120_000;

/** In a lab, and so in another process: this one is in the namespace of the live interface. */
async function ownLoadElsewhere({ ownLoadArguments, output }: CompareOptions, host: Host): Promise<OwnLoad | undefined> {
  if (!output.quiet) host.stderr.write('measuring in the lab what so many groups cost this machine\n');
  const { exitCode, stdout } = await runSelf(ownLoadArguments, OWN_LOAD_TIMEOUT_MS, host.signal);
  return exitCode === EXIT.yes ? ownLoadIn(stdout) : undefined;
}

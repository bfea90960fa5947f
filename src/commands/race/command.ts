/** `race`: start a group as most programs do, under traffic, and show what that does to flows under way. */
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { loadCollector } from '../collector.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import type { RaceIo } from './io.ts';
import { parseRaceOptions, RACE_OPTIONS, type RaceOptions } from './options.ts';
import { raceBrief, raceDocument } from './report.ts';
import type { RaceResult } from './result.ts';

export const raceCommand = commandSpec({
  name: 'race',
  summary: 'start a group without precautions under traffic, in the lab: how many flows are split in the first moments',
  options: RACE_OPTIONS,
  exitStatuses: 'Exit status: 0 shown, 2 usage, 4 cannot run, 70 defect of this tool.',
  perform: async ({ typed }, host) => {
    const options = host.parse((machine) => parseRaceOptions(typed, machine));
    await host.enterLab();
    const [{ provisioning, clock, ...runners }, { runRace }] = await Promise.all([loadCollector(), import('./race.ts')]);
    return race(options, host, provisioning({ runs: [options.run, options.run] }), (io) => runRace(options, { ...io, clock }, runners));
  },
});

export async function race(
  { output }: RaceOptions,
  host: Host,
  openings: Openings<Provisions>,
  work: (io: Omit<RaceIo, 'clock'>) => Promise<RaceResult>,
): Promise<ExitStatus> {
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onStart: RaceIo['onStart'] = (kind) => {
    if (!output.quiet) host.stderr.write(kind === 'naive' ? 'starting one process after the other\n' : 'starting in order\n');
  };
  const run = (provisions: Provisions) => work({ version: host.version, provisions, signal: host.signal, onStart });
  await reported(output, host, openings, run, { full: raceDocument, brief: raceBrief });
  return EXIT.yes;
}

/** `race`: start a group as most programs do, under traffic, and show what that does to flows under way. */
import { Command, Option } from 'commander';
import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { RaceResult } from '../../model/race.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { reported } from '../reported.ts';
import { addRunOptions, type Collector } from '../run/command.ts';
import type { RaceIo, RunRace } from './io.ts';
import { parseRaceOptions, RACE_DEFAULTS, type RaceOptions, type RawRaceOptions } from './options.ts';
import { renderRace, renderRaceBrief } from './report.ts';

export type LoadRace = () => Promise<Collector & { readonly runRace: RunRace }>;

/** @param done receives the exit status */
export function raceCommand(host: Host, loadCollector: LoadRace, done: (status: ExitStatus) => void): Command {
  const command = new Command('race')
    .description('start a group without precautions under traffic, in the lab: how many flows are split in the first moments')
    .addOption(new Option('-n, --procs <count>', `processes in the group, at least 2 (default: ${RACE_DEFAULTS.procs})`))
    .addOption(new Option('--duration <time>', `how long to look after the group is complete (default: ${RACE_DEFAULTS.duration})`))
    .addOption(new Option('--ring-size <size>', `ring memory of each process (default: ${RACE_DEFAULTS.ringSize})`))
    .addOption(new Option('--traffic <class,...>', `classes of traffic, as for a run (default: ${RACE_DEFAULTS.traffic})`));
  addRunOptions(command, (name) => SHARED.has(name));
  return command.action(async (raw: RawRaceOptions) => {
    const options = host.parse((machine) => parseRaceOptions(raw, machine));
    await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    const { runRace, runCluster, provisioning } = await loadCollector();
    done(await race(options, host, provisioning({ runs: [options.run, options.run] }), (io) => runRace(options, io, runCluster)));
  });
}

const SHARED: ReadonlySet<string> = new Set([
  'flows',
  'rate',
  'seed',
  'labInterface',
  'workerTimeout',
  'json',
  'quiet',
  'color',
] satisfies (keyof RawRaceOptions)[]);

export async function race(
  { output }: RaceOptions,
  host: Host,
  openings: Openings<Provisions>,
  work: (io: RaceIo) => Promise<RaceResult>,
): Promise<ExitStatus> {
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onStart: RaceIo['onStart'] = (kind) => {
    if (!output.quiet) host.stderr.write(kind === 'naive' ? 'starting one process after the other\n' : 'starting in order\n');
  };
  const run = (provisions: Provisions) => work({ version: host.version, provisions, signal: host.signal, onStart });
  await reported(output, host, openings, run, { full: renderRace, brief: renderRaceBrief });
  return EXIT.yes;
}

/** `churn`: kill and replace members under traffic, in the lab, and measure which flows move. */
import { Command, Option } from 'commander';
import type { Openings, Provisioning, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { ChurnResult } from '../../model/churn.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { reported } from '../reported.ts';
import { addRunOptions } from '../run/command.ts';
import { describe } from './churn-events.ts';
import type { ChurnIo, RunChurn } from './io.ts';
import { CHURN_DEFAULTS, type ChurnOptions, parseChurnOptions, type RawChurnOptions } from './options.ts';
import { renderChurn, renderChurnBrief } from './report.ts';

export type LoadChurn = () => Promise<{ readonly runChurn: RunChurn; readonly provisioning: Provisioning }>;

/** @param done receives the exit status */
export function churnCommand(host: Host, loadCollector: LoadChurn, done: (status: ExitStatus) => void): Command {
  const command = new Command('churn')
    .description("kill and replace members of a group under traffic, in the lab: how many of the others' flows move")
    .addOption(new Option('-n, --procs <count>', `processes in the group, at least 2 (default: ${CHURN_DEFAULTS.procs})`))
    .addOption(new Option('--slot <number>', 'kill the member in this slot only (default: each in turn)'))
    .addOption(new Option('--flows <count>', `flows to follow (default: ${CHURN_DEFAULTS.flows})`))
    .addOption(new Option('--rate <pps>', `packets per second (default: ${CHURN_DEFAULTS.rate})`))
    .addOption(new Option('--traffic <class,...>', `classes of traffic, as for a run (default: ${CHURN_DEFAULTS.traffic})`));
  addRunOptions(command, (name) => SHARED.has(name));
  return command.action(async (raw: RawChurnOptions) => {
    const options = host.parse((machine) => parseChurnOptions(raw, machine));
    await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    const { runChurn, provisioning } = await loadCollector();
    const needs = { runs: [options.run], replacements: options.slots.length, flapsLink: true };
    done(await churn(options, host, provisioning(needs), (io) => runChurn(options, io)));
  });
}

const SHARED: ReadonlySet<string> = new Set([
  'defrag',
  'seed',
  'ringSize',
  'labInterface',
  'workerTimeout',
  'json',
  'quiet',
  'color',
] satisfies (keyof RawChurnOptions)[]);

export async function churn(
  { output, slots }: ChurnOptions,
  host: Host,
  openings: Openings<Provisions>,
  work: (io: ChurnIo) => Promise<ChurnResult>,
): Promise<ExitStatus> {
  const all = 2 * slots.length + 1;
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onChange: ChurnIo['onChange'] = (change, done) => {
    if (!output.quiet) host.stderr.write(`measured ${describe(change)} (${done} of ${all})\n`);
  };
  const run = (provisions: Provisions) => work({ version: host.version, provisions, signal: host.signal, onChange });
  const result = await reported(output, host, openings, run, { full: renderChurn, brief: renderChurnBrief });
  return result.doubts.length > 0 ? EXIT.inconclusive : EXIT.yes;
}

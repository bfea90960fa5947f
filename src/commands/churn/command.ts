/** `churn`: kill and replace members under traffic, in the lab, and measure which flows move. */

import type { Openings, Provisions } from '../../collector/run/provisions.ts';
import { changeText } from '../../collector/words/churn.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { loadCollector } from '../collector.ts';
import { parsedAs, receiveRingsFor, typedOrDeployed } from '../deployed.ts';
import { reported } from '../reported.ts';
import { commandSpec, exitText } from '../spec.ts';
import type { ChurnIo } from './io.ts';
import { CHURN_OPTIONS, type ChurnOptions, parseChurnOptions } from './options.ts';
import { churnBrief, churnDocument } from './report.ts';
import type { ChurnResult } from './result.ts';

export const churnCommand = commandSpec({
  name: 'churn',
  summary: "kill and replace members of a group under traffic, in the lab: how many of the others' flows move",
  options: CHURN_OPTIONS,
  exitStatuses: exitText('0 measured, and as the code of the kernel has it', '3 not as expected, or not all measured'),
  perform: async ({ typed }, host) => {
    const receiveRings = await receiveRingsFor(typed);
    const options = host.parse((machine, files): ChurnOptions => {
      const { raw, ...deployed } = typedOrDeployed(typed, {
        command: 'churn',
        isForLab: true,
        keys: CHURN_OPTIONS.keys,
        machine,
        files,
        receiveRings,
      });
      const parsed = parsedAs(deployed, () => parseChurnOptions(raw, machine));
      return { ...parsed, run: { ...parsed.run, ...deployed } };
    });
    await host.enterLab();
    const [{ conduct, provisioning, clock }, { runChurn }] = await Promise.all([loadCollector(), import('./churn.ts')]);
    const needs = { runs: [options.run], replacements: options.slots.length, flapsLink: true };
    return churn(options, host, provisioning(needs), (io) => runChurn(options, { ...io, clock }, conduct));
  },
});

export async function churn(
  { output, slots }: ChurnOptions,
  host: Host,
  openings: Openings<Provisions>,
  work: (io: Omit<ChurnIo, 'clock'>) => Promise<ChurnResult>,
): Promise<ExitStatus> {
  const all = 2 * slots.length + 1;
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onChange: ChurnIo['onChange'] = (change, done) => {
    if (!output.quiet) host.stderr.write(`measured ${changeText(change)} (${done} of ${all})\n`);
  };
  const run = (provisions: Provisions) => work({ version: host.version, provisions, signal: host.signal, onChange });
  const result = await reported(output, host, openings, run, { full: churnDocument, brief: churnBrief });
  return result.doubts.length > 0 ? EXIT.inconclusive : EXIT.yes;
}

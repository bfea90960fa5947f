/** `cure`: steering that keeps innermost flows together, for groups of programs that run here. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import type { Openings } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { Host } from '../../process/host.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import { CURE_OPTIONS, type CureOptions, parseCureOptions } from './options.ts';
import { beforeAttaching, cureBrief, cureDocument } from './report.ts';
import type { CureResult } from './result.ts';

export const cureCommand = commandSpec({
  name: 'cure',
  summary: 'mend what HASH splits: a flow dissector for running groups, a steering program for Suricata and for mode ebpf',
  options: CURE_OPTIONS,
  exitStatuses: 'Exit status: 0 done, 2 usage, 4 cannot be done, 70 defect of this tool; with --verify that of the run that proves it.',
  perform: async ({ typed }, host) => {
    const options = host.parse((machine) => parseCureOptions(typed, machine));
    const program = process.argv[1] ?? 'fanout-cluster';
    const here = { cpus: options.cpus, program, owner: ownerOf(program) };
    const result = await reported(options.output, host, openings(options, host), async (opened) => opened, {
      full: (done) => cureDocument(done, here),
      brief: cureBrief,
    });
    return (result.verified ?? EXIT.yes) as ExitStatus;
  },
});

/** Of the file that a link leads to. */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

/** All of it is done while there are the privileges for it. */
function openings(options: CureOptions, host: Host): Openings<CureResult> {
  return {
    open: async (rights) => {
      const [{ runCure }, { HOST_CLOCK: clock }] = await Promise.all([import('./cure.ts'), import('../../collector/group/clock.ts')]);
      const onAttach = (netns: CureResult['netns']): void => {
        if (!options.output.quiet) host.stderr.write(`${beforeAttaching(netns)}\n`);
      };
      const result = await runCure(options, { version: host.version, clock, rights, onAttach });
      return options.verify ? { ...result, verified: await proven(result, options) } : result;
    },
    handOver: (result) => ({ handover: result, descriptors: [] }),
    takeOver: async (result) => result as CureResult,
  };
}

/** By this program, called once more, in the namespace that this one has entered; what it prints comes before the last two lines. */
function proven({ proof }: CureResult, { output }: CureOptions): Promise<number> {
  const stdout = output.json.kind === 'stdout' ? 2 : 1;
  const [program = ''] = process.argv.slice(1);
  const run = spawn(process.execPath, [...process.execArgv, program, ...proof.argv], { stdio: ['ignore', stdout, 2] });
  return new Promise((done, failed) => {
    run.once('error', failed);
    run.once('exit', (status) => done(status ?? EXIT.cannotRun));
  });
}

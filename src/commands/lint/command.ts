/** `lint`: mistakes in the configuration of a deployment, found without traffic. Needs no privilege. */
import type { Openings, Rights } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { Host } from '../../process/host.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import { LINT_OPTIONS, type LintOptions, parseLintOptions } from './options.ts';
import { lintBrief, lintDocument } from './report.ts';
import type { LintResult } from './result.ts';
import { sarifOf } from './sarif.ts';

/** Reads all files, with the rights of whoever called. */
export type RunLint = (options: LintOptions, rights: Rights, version: string) => LintResult;

export const lintCommand = commandSpec({
  name: 'lint',
  summary: 'mistakes in the configuration of Suricata, Zeek, Snort, Arkime, Packetbeat and others, without traffic or privilege',
  argument: {
    syntax: '[files...]',
    help: 'suricata.yaml, node.cfg, zeek.conf, snort.lua, config.ini, packetbeat.yml, units, ...',
    isList: true,
  },
  options: LINT_OPTIONS,
  exitStatuses:
    'Exit status: 0 no error (warnings and notes count as none), 1 errors, 2 usage or a file that cannot be read, 70 defect of this tool.',
  perform: async ({ typed, words }, host) => {
    const options = host.parse((machine) => parseLintOptions(words, typed, machine));
    const { runLint } = await import('./run-lint.ts');
    return performLint(options, host, runLint);
  },
});

export async function performLint(options: LintOptions, host: Host, runLint: RunLint): Promise<ExitStatus> {
  const asMachine = options.format === 'sarif' ? { asMachine: sarifOf } : {};
  const work = async (result: LintResult): Promise<LintResult> => result;
  const result = await reported(options.output, host, openings(options, host.version, runLint), work, {
    full: lintDocument,
    brief: lintBrief,
    ...asMachine,
  });
  return statusOf(result);
}

/** What is read is read while the rights of the caller are at hand, by somebody who may do nothing. */
function openings(options: LintOptions, version: string, runLint: RunLint): Openings<LintResult> {
  return {
    open: async (rights) => runLint(options, rights, version),
    handOver: (result) => ({ handover: result, descriptors: [] }),
    takeOver: async (handed) => handed as LintResult,
  };
}

function statusOf({ files, conflicts }: LintResult): ExitStatus {
  if (files.some(({ error }) => error !== undefined)) return EXIT.usage;
  const all = [...files.flatMap(({ findings }) => findings), ...conflicts];
  return all.some(({ severity }) => severity === 'error') ? EXIT.no : EXIT.yes;
}

/** The options of `lint`, checked once. */
import type { Kind } from '../../deployment/reading.ts';
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOutput } from '../../options/options.ts';
import { OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';

export interface LintOptions {
  readonly paths: readonly string[];
  /** Absent: told by the content of each file. */
  readonly kind?: Kind;
  readonly programVersion?: string;
  readonly thisHost: boolean;
  /** What the document for machines is: this program's own, or SARIF. */
  readonly format: 'json' | 'sarif';
  readonly output: Options['output'];
  /** Of this host. */
  readonly cpus: number;
  readonly memoryAvailable: number;
}

export const LINT_OPTIONS = optionSet({ keys: ['kind', 'programVersion', 'thisHost', 'sarif', ...OUTPUT_KEYS] });

/** As typed. */
export type RawLintOptions = TypedOf<typeof LINT_OPTIONS>;

/** A report is written there, and not over a configuration. */
const REPORT_NAME = /\.(?:json|sarif)$|^\/dev\//;

export function parseLintOptions(words: readonly string[], typed: RawLintOptions, machine: Machine): LintOptions {
  const read = readerOf(typed, machine);
  const [json, sarif] = [read('json'), read('sarif')];
  if (json.kind !== 'none' && sarif.kind !== 'none')
    throw contradictory('--json and --sarif are two documents of the same run', 'ask for one of them');
  for (const [option, output] of [['--json', json] as const, ['--sarif', sarif] as const])
    if (output.kind === 'file' && !REPORT_NAME.test(output.path))
      throw new FanoutError(
        'USAGE',
        `${option} ${output.path}: the report would be written there, and its name does not end with .json or .sarif`,
        `to have it on standard output, put ${option} behind the files, or write ${option}=-`,
      );
  const wrong = words.find((path) => path === '' || path.includes('\0'));
  if (wrong !== undefined || words.length === 0)
    throw new FanoutError(
      'USAGE',
      wrong === undefined ? 'lint: no file is named' : `lint: ${JSON.stringify(wrong)} is not the name of a file`,
      'name configuration files, such as /etc/suricata/suricata.yaml',
    );
  const format = sarif.kind === 'none' ? 'json' : 'sarif';
  const output = { ...parseOutput(read), json: format === 'json' ? json : sarif };
  return {
    paths: [...new Set(words)],
    ...definedOf({ kind: read('kind'), programVersion: read('programVersion') }),
    thisHost: read('thisHost'),
    format,
    output,
    cpus: machine.onlineCpus.length,
    memoryAvailable: machine.memAvailableBytes,
  };
}

/** The options of `predict`, checked once. */
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOutput } from '../../options/options.ts';
import { OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';

export interface PredictOptions {
  /** "-" is standard input. */
  readonly path: string;
  readonly defrag: boolean;
  /** As typed, and known to be one; absent: this host's. */
  readonly kernel?: string;
  readonly output: Options['output'];
}

export const PREDICT_OPTIONS = optionSet({
  keys: ['kernel', 'defrag', ...OUTPUT_KEYS],
  own: { defrag: { help: 'of a group that has the kernel reassemble IPv4 fragments first' } },
});

/** As typed. */
export type RawPredictOptions = TypedOf<typeof PREDICT_OPTIONS>;

export function parsePredictOptions(named: string | undefined, typed: RawPredictOptions, machine: Machine): PredictOptions {
  // In `predict --json FILE` the parser of the command line took the capture for the file of the report.
  if (named === undefined && typeof typed.json === 'string') return parsePredictOptions(typed.json, { ...typed, json: true }, machine);
  const path = named ?? '';
  if (path === '' || path.includes('\0'))
    throw new FanoutError(
      'USAGE',
      named === undefined ? 'predict: no capture file is named' : `predict: ${JSON.stringify(path)} is not the name of a file`,
      'name a capture file, or - for standard input',
    );
  const read = readerOf(typed, machine);
  return { path, defrag: read('defrag'), ...definedOf({ kernel: read('kernel') }), output: parseOutput(read) };
}

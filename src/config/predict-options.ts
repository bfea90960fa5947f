/** The options of `predict`, checked once. */
import { FanoutError } from '../errors.ts';
import { type Options, parseJsonOutput, type RawOptions } from './options.ts';

export interface PredictOptions {
  /** "-" is standard input. */
  readonly path: string;
  readonly defrag: boolean;
  readonly output: Options['output'];
}

/** As typed. */
export type RawPredictOptions = Pick<RawOptions, 'defrag' | 'json' | 'quiet' | 'color'>;

export function parsePredictOptions(typed: string | undefined, raw: RawPredictOptions): PredictOptions {
  // In `predict --json FILE` the parser of the command line took the capture for the file of the report.
  if (typed === undefined && typeof raw.json === 'string') return parsePredictOptions(raw.json, { ...raw, json: true });
  const path = typed ?? '';
  if (path === '' || path.includes('\0'))
    throw new FanoutError(
      'USAGE',
      typed === undefined ? 'predict: no capture file is named' : `predict: ${JSON.stringify(path)} is not the name of a file`,
      'name a capture file, or - for standard input',
    );
  return {
    path,
    defrag: raw.defrag ?? false,
    output: { json: parseJsonOutput(raw.json), quiet: raw.quiet ?? false, color: raw.color ?? true },
  };
}

/** The options of `predict`, checked once. */
import { FanoutError } from '../../errors.ts';
import { isAtLeast, parseKernelRelease } from '../../model/kernel-release.ts';
import { type Options, parseJsonOutput, type RawOptions } from '../../options/options.ts';

export interface PredictOptions {
  /** "-" is standard input. */
  readonly path: string;
  readonly defrag: boolean;
  /** As typed, and known to be one; absent: this host's. */
  readonly kernel?: string;
  readonly output: Options['output'];
}

/** As typed. */
export type RawPredictOptions = Pick<RawOptions, 'defrag' | 'json' | 'quiet' | 'color'> & { readonly kernel?: string };

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
    ...(raw.kernel === undefined ? {} : { kernel: parseKernel(raw.kernel) }),
    output: { json: parseJsonOutput(raw.json), quiet: raw.quiet ?? false, color: raw.color ?? true },
  };
}

function parseKernel(typed: string): string {
  const release = parseKernelRelease(typed);
  if (release === undefined)
    throw new FanoutError(
      'USAGE',
      `--kernel ${JSON.stringify(typed)} is no release of a kernel`,
      'give what `uname -r` prints there, such as 5.10.46 or 6.1; where that has no point release (5.10.0-30-amd64), with `uname -v` behind it: --kernel "$(uname -rv)"',
    );
  if (!isAtLeast(release, 4, 7))
    throw new FanoutError(
      'USAGE',
      `--kernel ${typed}: kernels before 4.7 hash by other fields, or by the hash of the NIC, and are not modelled`,
      'run the lab on that kernel instead (fanout-cluster --pcap FILE), or predict for a kernel that it could be updated to',
    );
  return typed;
}

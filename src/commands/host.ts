/** The process, as far as commands touch it. */
import { type Style, styleFor } from '../collector/report/layout.ts';
import { type ProgressWriter, progressWriter } from '../collector/report/progress.ts';
import type { Options } from '../config/options.ts';

export interface TextStream {
  readonly isTerminal: boolean;
  readonly columns: () => number | undefined;
  readonly write: (text: string) => void;
}

export interface Host {
  readonly version: string;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Returns inside a network namespace of the lab's own: at once where this process is there, else never, as it is replaced. */
  readonly enterLab: () => Promise<void>;
}

export function styleOf(stream: TextStream, { color }: Options['output'], { environment }: Host): Style {
  // https://no-color.org: present and not empty, whatever its value.
  const isPlain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return styleFor(stream.columns(), color && stream.isTerminal && !isPlain);
}

/** Nothing if nobody wants to see it. */
export function progressOn(host: Host, output: Options['output'], statusIntervalMs: number): ProgressWriter | undefined {
  const target = { isTerminal: host.stderr.isTerminal, style: () => styleOf(host.stderr, output, host), write: host.stderr.write };
  return output.quiet ? undefined : progressWriter(target, statusIntervalMs);
}

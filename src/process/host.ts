/** The process, as far as commands touch it. */

import { type Style, styleFor } from '../collector/report/layout.ts';
import { type ProgressWriter, progressWriter } from '../collector/report/progress.ts';
import type { Openings } from '../collector/run/provisions.ts';
import type { ConfigurationFiles } from '../host/configuration-files.ts';
import type { JsonOutput } from '../options/arguments.ts';
import type { Machine } from '../options/machine.ts';
import type { Options } from '../options/options.ts';
import type { ReportFile } from './report-file.ts';

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
  /** Options, read with no more rights than are left in the end; files that they name are opened as whoever called. */
  readonly parse: <T>(parse: (machine: Machine, files: ConfigurationFiles) => T) => T;
  /** Returns inside a network namespace of the lab's own: at once where this process is there, else never, as it is replaced. */
  readonly enterLab: () => Promise<void>;
  /**
   * Gets everything that needs a privilege, the file of the report too, and gives up all privileges for good. Returns at once, or never, as this
   * process is replaced by one without any; that one comes here again.
   */
  readonly prepare: <T>(json: JsonOutput, openings: Openings<T>) => Promise<Prepared<T>>;
}

export interface Prepared<T> {
  readonly opened: T;
  /** Where one is wanted: opened before the work, so that a bad path costs no one a long capture. */
  readonly report: ReportFile | undefined;
}

export function styleOf(stream: TextStream, { color }: Options['output'], { environment }: Host): Style {
  // https://no-color.org: present and not empty, whatever its value.
  const isPlain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return styleFor(stream.columns(), color && stream.isTerminal && !isPlain);
}

/** Nothing if nobody wants to see it. */
export function progressOn(host: Host, output: Options['output'], statusIntervalMs: number): ProgressWriter | undefined {
  // A dumb terminal (Emacs, serial consoles, some CI) moves no cursor: what is meant to would stand among the lines.
  const isTerminal = host.stderr.isTerminal && host.environment['TERM'] !== 'dumb';
  const target = { isTerminal, style: () => styleOf(host.stderr, output, host), write: host.stderr.write };
  if (output.quiet) return undefined;
  const writer = progressWriter(target, statusIntervalMs);
  onEnding(host, output, writer.note);
  return writer;
}

/** Says that a signal was heard: what is under way may take a while to end. */
export function onEnding({ signal }: Host, { quiet }: Options['output'], say: (text: string) => void): void {
  if (!quiet) signal.addEventListener('abort', () => say('ending, Ctrl-C again to stop at once'), { once: true });
}

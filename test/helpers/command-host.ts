/** A process as commands see it, which keeps what they write. */

import { native } from '../../src/addon/native.ts';
import type { Openings, Provisions } from '../../src/collector/run/provisions.ts';
import { configurationFiles } from '../../src/host/configuration-files.ts';
import { readMachine } from '../../src/options/machine.ts';
import type { Host, Prepared } from '../../src/process/host.ts';
import { openReportFile } from '../../src/process/report-file.ts';

export interface CommandHost {
  readonly host: Host;
  readonly written: { stdout: string; stderr: string };
}

export function commandHost({
  signal = new AbortController().signal,
  enterLab = async () => {},
  prepare = OPENS_NOTHING.prepare,
}: Partial<Pick<Host, 'signal' | 'enterLab' | 'prepare'>> = {}): CommandHost {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTerminal: false,
    columns: () => 100,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') };
  return { host: { version: '0.1.0', ...streams, environment: {}, signal, enterLab, ...OPENS_NOTHING, prepare }, written };
}

const NOT_HURRIED = { signal: new AbortController().signal, limitMs: 10_000 };

/** For work that looks at nothing of what it is given: only the report is opened. */
export const OPENS_NOTHING: Pick<Host, 'parse' | 'prepare'> = {
  parse: (parse) => parse(readMachine(), configurationFiles({ asInvoker: (work) => work() })),
  prepare: async <T>(json: Parameters<Host['prepare']>[0]) =>
    ({ opened: undefined, report: json.kind === 'file' ? openReportFile(json.path, native, NOT_HURRIED) : undefined }) as Prepared<T>,
};

export const NOTHING_TO_OPEN: Openings<Provisions> = {
  open: () => Promise.reject(new Error('nothing is to be opened')),
  handOver: () => ({ handover: null, descriptors: [] }),
  takeOver: () => Promise.reject(new Error('nothing was handed over')),
};

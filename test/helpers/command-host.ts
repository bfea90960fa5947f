/** A process as commands see it, which keeps what they write. */
import type { Host } from '../../src/commands/host.ts';

export interface CommandHost {
  readonly host: Host;
  readonly written: { stdout: string; stderr: string };
}

export function commandHost({
  signal = new AbortController().signal,
  enterLab = async () => {},
}: Partial<Pick<Host, 'signal' | 'enterLab'>> = {}): CommandHost {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTerminal: false,
    columns: () => 100,
    write: (text: string) => {
      written[name] += text;
    },
  });
  return { host: { version: '0.1.0', stdout: stream('stdout'), stderr: stream('stderr'), environment: {}, signal, enterLab }, written };
}

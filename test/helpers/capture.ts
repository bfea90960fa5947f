/** What tcpdump sees on an interface: every frame, complete. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Capture {
  /** Waits until the file grows no more, ends tcpdump, and says what was captured and lost. */
  finish(): Promise<{ readonly captured: number; readonly dropped: number }>;
}

/** Resolves once tcpdump is listening. */
export async function startCapture(name: string, file: string): Promise<Capture> {
  // The snap length sizes the slots of its ring: with the default of 256 KiB, 64 MiB would hold 256 frames.
  const args = ['-i', name, '-w', file, '-B', '65536', '-s', '2048', '-U', '--immediate-mode', '-Z', 'root'];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => reject(new Error(`tcpdump ended: ${said}`)));
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on')) resolve();
    });
  });
  return {
    finish: async () => {
      // tcpdump reads what is in its buffer before it heeds the signal's flag, but not after: let it run dry first.
      await untilStill(file);
      child.kill('SIGINT');
      await ended;
      const count = (pattern: RegExp) => Number(pattern.exec(said)?.[1] ?? Number.NaN);
      return { captured: count(/(\d+) packets? captured/), dropped: count(/(\d+) packets? dropped by kernel/) };
    },
  };
}

async function untilStill(file: string): Promise<void> {
  for (let size = -1, same = 0; same < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = readFileSync(file).length;
    same = now === size ? same + 1 : 0;
    size = now;
  }
}

/** Packets received by an interface of this process's network namespace. */
export function receivedPackets(name: string): number {
  const line = readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .find((row) => row.trim().startsWith(`${name}:`));
  return Number(line?.split(':')[1]?.trim().split(/\s+/)[1]);
}

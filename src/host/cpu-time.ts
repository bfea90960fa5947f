/** CPU time of this process and of its threads, as the kernel counts it. */
import { readdirSync, readFileSync } from 'node:fs';

/** User and system time. */
export function processCpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Of the first thread of this name; undefined where there is none, or this kernel does not tell. */
export function threadCpuNs(name: string): number | undefined {
  for (const thread of readdirSync('/proc/self/task')) {
    if (textOf(`/proc/self/task/${thread}/comm`)?.trim() !== name) continue;
    const cpuNs = Number(textOf(`/proc/self/task/${thread}/schedstat`)?.split(' ')[0] ?? Number.NaN);
    return Number.isNaN(cpuNs) ? undefined : cpuNs;
  }
  return undefined;
}

/** Nothing of a thread that is gone, or where this kernel does not tell. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

import { commandLine } from './command-line.ts';
import { deployment } from './deployment.ts';
import { frames } from './frames.ts';
import { nic } from './nic.ts';
import { cbpf } from './programs.ts';
import type { FuzzTarget } from './target.ts';

export const TARGETS: readonly FuzzTarget[] = [commandLine, cbpf, nic, deployment, frames];

export function targetNamed(name: string): FuzzTarget {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined)
    throw new RangeError(`no target is called ${name}; there are ${TARGETS.map((target) => target.name).join(', ')}`);
  return found;
}

/** What is needed to make machines of this one: the program that takes features away, parents of control groups, a capture file. */
import { chmodSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import type { Workshop } from './machines.ts';
import { pcapBytes } from './pcap.ts';
import { temporaryDirectory } from './programs.ts';
import { framesOf } from './traffic.ts';
import { buildWithout } from './without.ts';

export interface OpenWorkshop extends Workshop {
  close(): void;
}

export function openWorkshop(): OpenWorkshop {
  const scratch = temporaryDirectory();
  chmodSync(scratch.path, 0o755);
  const capture = scratch.fileOf(pcapBytes(framesOf(generateTraffic({ seed: 5, flows: 4, packetsPerFlow: 4 }))));
  const groups = { ...parentOf('memory'), ...parentOf('pids') };
  return {
    without: buildWithout(scratch.path),
    groups,
    capture,
    close: () => {
      for (const directory of new Set(Object.values(groups))) if (existsSync(directory)) rmdirSync(directory);
      scratch.remove();
    },
  };
}

/** Below the root, in the version that this machine has of the controller; nothing where it has none that may be used. */
function parentOf(controller: 'memory' | 'pids'): Partial<Record<typeof controller, string>> {
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const directory = `/sys/fs/cgroup/${isUnified ? '' : `${controller}/`}machines-${process.pid}`;
  try {
    if (!existsSync(directory)) mkdirSync(directory);
    if (isUnified) writeFileSync(join(directory, 'cgroup.subtree_control'), `+${controller}`);
    return { [controller]: directory };
  } catch {
    return {};
  }
}

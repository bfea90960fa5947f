/** The run that shows whether a cure works. Pure. */
import { SURICATA_OBJECT } from '../../deployment/levers.ts';
import type { CuredGroup, Did, Namespace, Proof } from './result.ts';

export interface Proven {
  readonly did: Did;
  readonly netns: Namespace;
  readonly groups: readonly CuredGroup[];
  /** As named on the command line. */
  readonly interface: string | undefined;
}

/** Captures as the largest of the groups does, beside it, or in the lab where there is none to be beside. */
export function proofOf(proven: Proven): Proof {
  const { did, netns } = proven;
  const mode = programOf(did).length > 0 ? 'ebpf' : 'hash';
  const group = groupOf(proven, mode);
  const device = proven.interface ?? group?.interface ?? undefined;
  // The lab is a namespace of its own: what is attached to the initial one is in force there, too.
  const isLab = device === undefined && (did.kind === 'written' || did.kind === 'advice' || netns.name === 'initial');
  const place = isLab ? [] : ['-i', device ?? 'INTERFACE'];
  const argv = [...place, '--procs', String(group?.members ?? PROCS), '--mode', mode, ...programOf(did)];
  return { argv, command: commandOf(argv, netns), isTemplate: !isLab && device === undefined };
}

const PROCS = 8;

function groupOf({ did, groups }: Proven, mode: string): CuredGroup | undefined {
  if (did.kind === 'steered' || did.kind === 'unsteered') return did.group;
  return groups.filter((group) => group.mode === mode).sort((a, b) => b.members - a.members)[0];
}

function programOf(did: Did): readonly string[] {
  if (did.kind === 'written') return ['--ebpf-program', did.path];
  if (did.kind === 'advice' && did.depth.ids[0] === 'suricata') return ['--ebpf-program', SURICATA_OBJECT];
  if (did.kind === 'steered') return ['--ebpf-program', `builtin:${did.policy}`];
  return did.kind === 'unsteered' ? ['--ebpf-program', 'none'] : [];
}

function commandOf(argv: readonly string[], { given }: Namespace): string {
  const inside = given === null ? [] : given.includes('/') || /^\d+$/.test(given) ? enteredBy(given) : ['ip', 'netns', 'exec', given];
  return ['sudo', ...inside, 'fanout-cluster', ...argv].map(quoted).join(' ');
}

function enteredBy(given: string): readonly string[] {
  return ['nsenter', given.includes('/') ? `--net=${given}` : `--net=/proc/${given}/ns/net`];
}

/** For a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

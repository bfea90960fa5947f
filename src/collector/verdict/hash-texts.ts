/** What a broken hash is told as: what was seen, which bug does that, whether this kernel should have it, and what else may have done it. */
import { attachedText, type FlowDissector } from '../../model/flow-dissector.ts';
import type { KernelBugs } from '../../model/kernel-model.ts';
import { type KernelIdentity, kernelText, type Presence } from '../../model/kernel-release.ts';
import { type HashBug, type HashFindings, isReleaseWith } from './hash-bugs.ts';

interface HashText {
  readonly message: string;
  readonly remedy: string;
}

interface HashBugText {
  /** What the flows that failed have in common. */
  readonly pattern: string;
  readonly name: string;
  readonly effect: string;
  readonly fix: string;
  readonly workaround?: string;
}

const FIX_OF_A = 'fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)';

const BUG_A: HashBugText = {
  pattern: 'every flow that failed differs by direction in VLAN id, flow label or GRE key',
  name: 'bug A of Linux 4.2 to 4.6',
  effect: 'its hash covers these fields as well',
  fix: FIX_OF_A,
};

/** Where flows failed whatever they carry. */
const BUG_A_BY_NIC: HashBugText = {
  pattern:
    'these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry',
  name: 'the hash of a NIC, which Linux before 4.7 goes by where it has one',
  effect: 'it is not symmetric as a rule',
  fix: FIX_OF_A,
  workaround: 'switch that hash off (ethtool -K DEVICE rxhash off)',
};

const BUGS: Readonly<Record<Exclude<HashBug, 'known-bug-a'>, HashBugText>> = {
  'known-bug-b': {
    pattern: 'every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128',
    name: 'bug B of Linux 4.2 to 5.19',
    effect: 'its hash depends on which of such a pair sends',
    fix: 'fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146',
  },
  'known-bug-c': {
    pattern: 'every IPv6 flow that failed carries a flow label in one direction only',
    name: 'bug C of Linux 4.7 to 6.5',
    effect: 'its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process',
    fix: 'fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195',
    workaround: 'switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)',
  },
};

interface Host {
  readonly kernel: string | KernelIdentity;
  readonly dissector: FlowDissector;
}

interface Findings extends Host {
  /** Of a prediction. */
  readonly modelled?: KernelBugs;
  readonly hash: Pick<HashFindings, 'onlyTagsDiffer'>;
}

function textOf(bug: HashBug, { hash }: Findings): HashBugText {
  if (bug !== 'known-bug-a') return BUGS[bug];
  return hash.onlyTagsDiffer ? BUG_A : BUG_A_BY_NIC;
}

export function hashBugText(bug: HashBug, context: Findings): HashText {
  const { kernel, dissector, modelled } = context;
  const { pattern, name, effect, fix, workaround } = textOf(bug, context);
  const orElse = workaround === undefined ? '' : `, or ${workaround}`;
  const presence = isReleaseWith(bug, kernel);
  if (modelled !== undefined || (presence === 'yes' && dissector.kind !== 'attached')) {
    const has = presence === 'yes' ? 'has' : 'is taken to have';
    return { message: `${pattern}: kernel ${kernelText(kernel)} ${has} ${name}, ${effect}; ${fix}`, remedy: `update the kernel${orElse}` };
  }
  const suspect = suspectText(dissector, 'a vendor may have taken the bug over, or the fix back');
  return {
    message: `${pattern}, as with ${name} (${effect}; ${fix}); ${presenceText(presence, kernel)}; ${suspect}`,
    remedy: `${remedyFor(dissector)}${orElse}`,
  };
}

function presenceText(presence: Presence, kernel: string | KernelIdentity): string {
  switch (presence) {
    case 'yes':
      return `kernel ${kernelText(kernel)} is one of those`;
    case 'no':
      return `by its release kernel ${kernelText(kernel)} should not have it`;
    case 'unknown':
      return `whether kernel ${kernelText(kernel)} has it is not known, as its release does not tell which fixes it has`;
  }
}

export function asymmetricHashText({ kernel, dissector }: Host): HashText {
  const seen = `all packets of each such flow have one kernel key, yet kernel ${kernelText(kernel)} put them on several processes, in no pattern of a known bug`;
  return { message: `${seen}; ${suspectText(dissector, 'nothing measured establishes why')}`, remedy: remedyFor(dissector) };
}

function suspectText(dissector: FlowDissector, otherwise: string): string {
  switch (dissector.kind) {
    case 'attached':
      return `${attachedText(dissector)}: it, not the kernel, says what is hashed`;
    case 'none':
      return dissector.asked === 'both'
        ? `no BPF flow dissector is attached, so it is this kernel's own hash, and ${otherwise}`
        : `no BPF flow dissector is attached to this network namespace; one attached to the host's initial namespace would act here too, else it is this kernel's own hash, and ${otherwise}`;
    case 'unknown':
      return `a BPF flow dissector attached to the network namespace can do that; without one it is this kernel's own hash, and ${otherwise}`;
  }
}

function remedyFor(dissector: FlowDissector): string {
  const unfit = 'do not run an IDS in mode hash here';
  const instead = 'ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program';
  switch (dissector.kind) {
    case 'attached':
      return `${unfit} while it is attached: mend the program ("bpftool prog show id ${dissector.programId}" describes it), or detach it`;
    case 'none':
      return dissector.asked === 'both'
        ? `${unfit}; ${instead}`
        : `${unfit}; see "bpftool net show" on the host; if it lists none, ${instead}`;
    case 'unknown':
      return `${unfit}; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ${instead}`;
  }
}

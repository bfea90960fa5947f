/** Words for a broken hash: what was seen, which bug does that, whether this kernel should have it, and what else may have done it. Pure. */
import type { CauseArgs } from '../../model/findings/cause.ts';
import { attachedText, type FlowDissector } from '../../model/flow-dissector.ts';
import type { Presence } from '../../model/kernel-release.ts';
import { STEER_WITHOUT_HASH } from './cure.ts';
import { ofFlows } from './flows.ts';
import type { Advised, Words } from './say.ts';

export const HASH_WORDS: Words<Pick<CauseArgs, 'hash-asymmetric' | 'known-bug-a' | 'known-bug-b' | 'known-bug-c'>> = {
  'hash-asymmetric': (args) => {
    const { kernel, dissector } = args;
    const seen = `all packets of each such flow have one kernel key, yet kernel ${kernel} put them on several processes, in no pattern of a known bug`;
    return ofFlows(args, {
      message: `${seen}; ${suspect(dissector, 'nothing measured establishes why')}`,
      remedy: withoutModeHash(dissector),
    });
  },
  'known-bug-a': (args) => ofFlows(args, bugWords(args.by === 'fields' ? BUG_A : BUG_A_BY_NIC, args)),
  'known-bug-b': (args) => ofFlows(args, bugWords(BUG_B, args)),
  'known-bug-c': (args) => ofFlows(args, bugWords(BUG_C, args)),
};

interface BugWords {
  /** What the flows that failed have in common. */
  readonly pattern: string;
  readonly name: string;
  readonly effect: string;
  readonly fix: string;
  readonly workaround?: string;
}

const FIX_OF_A = 'fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)';

const BUG_A: BugWords = {
  pattern: 'every flow that failed differs by direction in VLAN id, flow label or GRE key',
  name: 'bug A of Linux 4.2 to 4.6',
  effect: 'its hash covers these fields as well',
  fix: FIX_OF_A,
};

/** Where flows failed whatever they carry. */
const BUG_A_BY_NIC: BugWords = {
  pattern:
    'these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry',
  name: 'the hash of a NIC, which Linux before 4.7 goes by where it has one',
  effect: 'it is not symmetric as a rule',
  fix: FIX_OF_A,
  workaround: 'switch that hash off (ethtool -K DEVICE rxhash off)',
};

const BUG_B: BugWords = {
  pattern: 'every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128',
  name: 'bug B of Linux 4.2 to 5.19',
  effect: 'its hash depends on which of such a pair sends',
  fix: 'fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146',
};

const BUG_C: BugWords = {
  pattern: 'every IPv6 flow that failed carries a flow label in one direction only',
  name: 'bug C of Linux 4.7 to 6.5',
  effect: 'its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process',
  fix: 'fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195',
  workaround: 'switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)',
};

function bugWords(bug: BugWords, { kernel, byRelease, dissector }: CauseArgs['known-bug-b']): Advised {
  const { pattern, name, effect, fix, workaround } = bug;
  const orElse = workaround === undefined ? '' : `, or ${workaround}`;
  if (dissector === undefined) {
    const has = byRelease === 'yes' ? 'has' : 'is taken to have';
    return { message: `${pattern}: kernel ${kernel} ${has} ${name}, ${effect}; ${fix}`, remedy: `update the kernel${orElse}` };
  }
  const other = suspect(dissector, 'a vendor may have taken the bug over, or the fix back');
  return {
    message: `${pattern}, as with ${name} (${effect}; ${fix}); ${presence(byRelease, kernel)}; ${other}`,
    remedy: `${withoutModeHash(dissector)}${orElse}`,
  };
}

function presence(byRelease: Presence, kernel: string): string {
  switch (byRelease) {
    case 'yes':
      return `kernel ${kernel} is one of those`;
    case 'no':
      return `by its release kernel ${kernel} should not have it`;
    case 'unknown':
      return `whether kernel ${kernel} has it is not known, as its release does not tell which fixes it has`;
  }
}

/** What may have hashed these packets in place of the kernel. */
function suspect(dissector: FlowDissector, otherwise: string): string {
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

function withoutModeHash(dissector: FlowDissector): string {
  const unfit = 'do not run an IDS in mode hash here';
  const instead = `report it to the maker of this kernel, and ${STEER_WITHOUT_HASH}`;
  switch (dissector.kind) {
    case 'attached':
      return `${unfit} while it is attached: mend the program ("bpftool prog show id ${dissector.programId}" describes it), or detach it, or ${STEER_WITHOUT_HASH}`;
    case 'none':
      return dissector.asked === 'both'
        ? `${unfit}; ${instead}`
        : `${unfit}; see "bpftool net show" on the host; if it lists none, ${instead}`;
    case 'unknown':
      return `${unfit}; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ${instead}`;
  }
}

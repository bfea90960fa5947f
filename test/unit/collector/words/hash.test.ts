import { expect, test } from 'vitest';
import { explain } from '../../../../src/collector/verdict/diagnose.ts';
import type { HashBug } from '../../../../src/collector/verdict/hash-bugs.ts';
import { worded } from '../../../../src/collector/words/say.ts';
import type { FlowDissector } from '../../../../src/model/flow-dissector.ts';
import { context } from '../../../helpers/diagnosis.ts';

const MENDED = '6.18.44';

test('what is said of kernels with and without a bug, by what is known of the flow dissector', () => {
  const attached: FlowDissector = { kind: 'attached', programId: 12, namespace: 'own', isBuiltin: false };
  const hosts: readonly [HashBug, string, FlowDissector, onlyTagsDiffer?: true][] = [
    ['known-bug-a', '4.4.15', { kind: 'none', asked: 'both' }, true],
    ['known-bug-a', '4.18.0-553.el8.x86_64', { kind: 'none', asked: 'both' }, true],
    ['known-bug-a', '4.4.15', { kind: 'none', asked: 'both' }],
    ['known-bug-b', '5.4.0-150-generic', { kind: 'unknown' }],
    ['known-bug-c', '6.1.20', attached],
    ['known-bug-a', MENDED, attached],
    ['known-bug-b', MENDED, { kind: 'none', asked: 'both' }],
    ['known-bug-c', MENDED, { kind: 'none', asked: 'own' }],
    ['known-bug-c', 'custom', { kind: 'unknown' }],
    ['known-bug-a', '3.10.0-514.el7', { ...attached, namespace: 'initial', isBuiltin: false }],
  ];
  const { hash } = context();
  const said = hosts.map(([bug, kernel, dissector, onlyTagsDiffer = false]) => {
    const { message, remedy } = worded(explain(bug, context({ kernel, dissector, hash: { ...hash, onlyTagsDiffer } })));
    return `${bug}: ${message} -> ${remedy}`;
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "known-bug-a: every flow that failed differs by direction in VLAN id, flow label or GRE key: kernel 4.4.15 has bug A of Linux 4.2 to 4.6, its hash covers these fields as well; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38) -> update the kernel",
      "known-bug-a: every flow that failed differs by direction in VLAN id, flow label or GRE key, as with bug A of Linux 4.2 to 4.6 (its hash covers these fields as well; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); by its release kernel 4.18.0-553.el8.x86_64 should not have it; no BPF flow dissector is attached, so it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry: kernel 4.4.15 has the hash of a NIC, which Linux before 4.7 goes by where it has one, it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38) -> update the kernel, or switch that hash off (ethtool -K DEVICE rxhash off)",
      "known-bug-b: every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128, as with bug B of Linux 4.2 to 5.19 (its hash depends on which of such a pair sends; fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146); whether kernel 5.4.0-150-generic has it is not known, as its release does not tell which fixes it has; a BPF flow dissector attached to the network namespace can do that; without one it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); kernel 6.1.20 is one of those; a BPF flow dissector (program id 12) is attached to this network namespace: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry, as with the hash of a NIC, which Linux before 4.7 goes by where it has one (it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); by its release kernel 6.18.44 should not have it; a BPF flow dissector (program id 12) is attached to this network namespace: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch that hash off (ethtool -K DEVICE rxhash off)",
      "known-bug-b: every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128, as with bug B of Linux 4.2 to 5.19 (its hash depends on which of such a pair sends; fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146); by its release kernel 6.18.44 should not have it; no BPF flow dissector is attached, so it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); by its release kernel 6.18.44 should not have it; no BPF flow dissector is attached to this network namespace; one attached to the host's initial namespace would act here too, else it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see "bpftool net show" on the host; if it lists none, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); whether kernel custom has it is not known, as its release does not tell which fixes it has; a BPF flow dissector attached to the network namespace can do that; without one it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry, as with the hash of a NIC, which Linux before 4.7 goes by where it has one (it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); whether kernel 3.10.0-514.el7 has it is not known, as its release does not tell which fixes it has; a BPF flow dissector (program id 12) is attached to the initial network namespace, and in force in this one: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch that hash off (ethtool -K DEVICE rxhash off)",
    ]
  `);
});

/** The words of causes that no other test reads. */
import { expect, test } from 'vitest';
import { worded } from '../../../../src/collector/words/say.ts';
import { finding } from '../../../../src/model/finding.ts';
import type { SpreadingElsewhere } from '../../../../src/model/spreading.ts';

const of = { flows: 2, stacks: ['ipv4/tcp'] };
const on = (spreading: SpreadingElsewhere) =>
  finding('rss-asymmetric', { ...of, mode: 'cpu', by: { kind: 'device', interface: 'eth1', spreading, outgoing: 0 } });

test('each names the flows, what happened, and what helps', () => {
  const found = [
    finding('lb-by-design', { flows: 0, stacks: [] }),
    finding('rnd-by-design', of),
    finding('rollover-under-load', of),
    finding('rollover-under-load', { ...of, passedOn: 7, fragments: { flows: 1, families: [4, 6], isDefrag: false } }),
    finding('bpf-program', { ...of, mode: 'ebpf' }),
    finding('bpf-program-missing', { mode: 'cbpf' }),
    finding('sent-tagged', { ...of, interface: 'eth1' }),
    finding('duplicated', { ...of, interface: 'eth1' }),
    finding('tunnel-payload-types', of),
    finding('unexplained', { ...of, why: { kind: 'rolled-over', mode: 'qm', packets: 7 } }),
    finding('unexplained', { ...of, why: { kind: 'no-program' } }),
    finding('unexplained', { ...of, why: { kind: 'fields' } }),
    finding('icmp-error', { ...of, mode: 'qm', seen: 'kernel-key' }),
    on({ kind: 'untold', queues: 'rx' }),
    on({ kind: 'below' }),
    on({ kind: 'senders' }),
  ];
  expect(found.map(worded).map(({ code, message, remedy }) => `${code}: ${message} -> ${remedy}`)).toMatchInlineSnapshot(`
    [
      "lb-by-design: mode lb deals packets out in turn, so a flow of two packets is on two processes by design -> use --mode hash for an IDS",
      "rnd-by-design: 2 flows (ipv4/tcp): mode rnd chooses a process at random for each packet, by design -> use --mode hash for an IDS",
      "rollover-under-load: 2 flows (ipv4/tcp): mode rollover fills one process until its ring has no room, then moves all flows to the next -> use --mode hash",
      "rollover-under-load: 2 flows (ipv4/tcp): a ring had no room, and the kernel passed 7 packets on to other processes; 1 of these flows has fragments besides, which split it as well: the kernel hashes an IPv4 fragment by addresses and protocol only, and the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only -> leave --rollover off; give rings more memory (--ring-size) or more processes instead; for fragments that remain then: set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other; of IPv6 steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
      "bpf-program: 2 flows (ipv4/tcp): the ebpf steering program chose different processes for packets of one flow -> make the program symmetric: combine source and destination by an operation that commutes, and load from SKF_NET_OFF, because offset 0 is the network header for received packets but the link header for sent ones; or use the built-in program (--mode ebpf --ebpf-program builtin:addresses)",
      "bpf-program-missing: mode cbpf has no program in this group, and the kernel then sends every packet to the first member: the others get nothing, and no error tells -> attach one (here: --cbpf-program FILE), or use mode hash; Zeek's AF_Packet::FANOUT_CBPF attaches none, so AF_Packet::FANOUT_HASH is the mode to set there",
      "sent-tagged: 2 flows (ipv4/tcp): this host sent packets of these flows with the VLAN tag in their bytes, and the kernel then looks for the tag behind the tag: it hashes what stands there, of IPv4 the total length of the packet, and neither addresses nor ports; packets that are received are hashed properly -> capture where these packets are received, or where they have no tag yet: on the VLAN device or on the bridge; where VLAN devices send them and the driver can insert tags, "ethtool -K eth1 tx-vlan-offload on"; a test with tcpreplay has to send from the other end; --mode qm is no cure, as it goes by the queue of the sender",
      "duplicated: 2 flows (ipv4/tcp): the same packets come to more than one process -> find out why eth1 sees each packet twice: a mirror of both directions of two ports or VLANs, a bridge and its port, or a loopback device",
      "tunnel-payload-types: 2 flows (ipv4/tcp): the tunnel carries frames without IP (such as ARP, LLDP, STP, LCP or keepalives), and the kernel hashes the type of what follows the last header that it reads, so frames of different types may be on different processes -> none is needed: flows inside the tunnel are judged by themselves, and these frames belong to none",
      "unexplained: 2 flows (ipv4/tcp): packets rolled over (7), but mode qm may have split these flows as well -> test without --rollover",
      "unexplained: 2 flows (ipv4/tcp): without a program the kernel sends all packets to the first member, yet these were on several, and nothing measured establishes why -> look at the listed observations; a capture of one such flow would help to extend this diagnosis",
      "unexplained: 2 flows (ipv4/tcp): the kernel hashes packets of one such flow by different fields, and nothing measured establishes why -> look at the listed observations; a capture of one such flow would help to extend this diagnosis",
      "icmp-error: 2 flows (ipv4/tcp): an ICMP error about the flow has another kernel key; mode qm steers the error by its own packet, not by the one that it quotes -> none is needed for the flows, which stayed whole; rules that need error and flow together cannot match, unless you steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
      "rss-asymmetric: 2 flows (ipv4/tcp): packets of one flow were handled on several CPUs: the driver of eth1 does not tell how it spreads what it receives, and mode cpu goes by the CPU that comes of it -> use one receive queue ("ethtool -L eth1 rx 1"), or use --mode hash",
      "rss-asymmetric: 2 flows (ipv4/tcp): packets of one flow were handled on several CPUs: eth1 receives through the devices below it, so mode cpu goes by the CPU on which their NICs received -> make RSS symmetric on those, or use --mode hash",
      "rss-asymmetric: 2 flows (ipv4/tcp): packets of one flow were handled on several CPUs: eth1 has no receive queues of a NIC, so mode cpu goes by the CPU of whatever sends there -> use --mode hash: on such a device mode cpu can keep no flow together on purpose",
    ]
  `);
});

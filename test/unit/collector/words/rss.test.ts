import { expect, test } from 'vitest';
import { explain } from '../../../../src/collector/verdict/diagnose.ts';
import { worded } from '../../../../src/collector/words/say.ts';
import type { ViolationGroup } from '../../../../src/model/evidence.ts';
import type { NicFacts } from '../../../../src/model/run-facts.ts';
import { context } from '../../../helpers/diagnosis.ts';
import { group } from '../../../helpers/evidence.ts';

const nic: NicFacts = { name: 'queues=8,...', queues: 8, isSymmetric: true, hashesPorts: true };
const said = (traits: Partial<ViolationGroup>, change: Partial<NicFacts> = {}) => {
  const groups = [group({}), group(traits)];
  const found = explain('rss-asymmetric', context({ mode: 'qm', interface: 'cap0', groups, nic: { ...nic, ...change } }));
  const { message, remedy } = worded(found);
  return `${message} -> ${remedy}`.replaceAll(/(?:6D:5A:?)+/g, 'KEY');
};
const fragments = { fragments: 'in-reach' } as const;
const vxlan = { stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' };

test('which settings of a simulated NIC split flows, and which to try', () => {
  expect([
    said({}, { isSymmetric: false }),
    said({}, { isSymmetric: false, hashesPorts: false }),
    said(fragments),
    said(fragments, { isSymmetric: false }),
    said(vxlan),
    said(vxlan, { hashesPorts: false }),
    said({ mixedWrappings: true }),
    said({}),
  ]).toMatchInlineSnapshot(`
    [
      "packets of one flow were handled on several queues: its hash is another one for each direction; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sdfn; if that keeps them, make RSS symmetric ("ethtool -X DEVICE hkey KEY", or "ethtool -X DEVICE xfrm symmetric-xor" where the driver has it)",
      "packets of one flow were handled on several queues: its hash is another one for each direction; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sd; if that keeps them, make RSS symmetric ("ethtool -X DEVICE hkey KEY", or "ethtool -X DEVICE xfrm symmetric-xor" where the driver has it)",
      "packets of one flow were handled on several queues: it hashes fragments by addresses and whole packets by ports as well; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sd; if that keeps them, hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)",
      "packets of one flow were handled on several queues: its hash is another one for each direction; it hashes fragments by addresses and whole packets by ports as well; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sd; if that keeps them, make RSS symmetric ("ethtool -X DEVICE hkey KEY", or "ethtool -X DEVICE xfrm symmetric-xor" where the driver has it), and hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)",
      "packets of one flow were handled on several queues: of a tunnel it hashes the outer header, which is not the same for all packets of the flow inside; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sd; if that keeps them, hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)",
      "packets of one flow were handled on several queues: of a tunnel it hashes the outer header, which is not the same for all packets of the flow inside; the answer is about the NIC as simulated (queues=8,...) -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel, or have labels stripped, before the sensor",
      "packets of one flow were handled on several queues: of a tunnel it hashes the outer header, which is not the same for all packets of the flow inside; the answer is about the NIC as simulated (queues=8,...) -> try --nic queues=8,rss=symmetric,fields=sd; if that keeps them, hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)",
      "packets of one flow were handled on several queues, though it hashes both directions alike and by the same fields; the answer is about the NIC as simulated (queues=8,...) -> look at the listed observations: the NIC sees the outermost header alone, and what is no IP goes to one queue",
    ]
  `);
});

/** Which readers track the flow inside: the table of docs/encapsulations.md, row by row where a mistake would mislead. */
import { expect, test } from 'vitest';
import { readersByStack, readersOf } from '../../../../src/collector/verdict/readers.ts';
import { TRAFFIC_CLASSES } from '../../../../src/traffic/classes.ts';
import { generateTraffic } from '../../../../src/traffic/traffic.ts';

test.each([
  ['ipv4/tcp', 'Suricata, Zeek, Snort, Arkime'],
  ['vlan/vlan/ipv6/udp', 'Suricata, Zeek, Snort, Arkime'],
  ['cmd/ipv4/tcp', 'Snort, Arkime'],
  ['vlan/cmd/ipv4/tcp', 'Snort, Arkime'],
  ['fabricpath/eth/ipv4/tcp', 'Suricata, Zeek, Snort'],
  ['vntag/ipv4/tcp', 'Suricata'],
  ['vntag/vlan/ipv4/tcp', 'Suricata, Zeek'],
  ['etag/ipv4/tcp', 'Suricata'],
  ['vlan/pbb/eth/ipv6/udp', 'Suricata, Zeek'],
  ['snap/ipv4/tcp', 'Zeek, Snort'],
  ['nsh/ipv4/tcp', 'Suricata, Arkime'],
  ['nsh/nsh/ipv4/tcp', 'Arkime'],
  ['mpls/pw/eth/ipv4/tcp', 'Suricata'],
  ['ipv4/udp/vxlan/eth/ipv4/tcp', 'Suricata, Zeek, Snort, Arkime'],
  ['ipv4/udp/vxlan/nsh/eth/ipv4/tcp', 'Arkime'],
  ['ipv4/udp/gre/ipv4/tcp', 'Zeek'],
  ['ipv4/gre/ipv4/tcp', 'Suricata, Zeek, Snort, Arkime'],
  ['ipv4/gre/ppp/ipv4/tcp', 'Suricata, Arkime'],
  ['ipv4/udp/gtpu/ipv4/tcp', 'Zeek, Snort, Arkime'],
  ['ipv4/udp/teredo/ipv6/udp', 'Suricata, Zeek, Snort'],
  ['ipv4/udp/ayiya/ipv6/tcp', 'Zeek'],
  ['ipv4/ah/tcp', 'Snort, Arkime'],
  ['ipv6/ah/tcp', 'Suricata, Zeek, Snort, Arkime'],
  // One reader opens the one layer, another one the other.
  ['cmd/ipv4/udp/ayiya/ipv6/tcp', ''],
])('%s: %s', (stack, readers) => {
  expect(readersOf(stack).join(', ')).toBe(readers);
});

/** What the lab makes although none of the four would see the flow. */
test('these classes of traffic are in what no reader opens, and no others', () => {
  const unread = TRAFFIC_CLASSES.filter(({ flow }) => flow !== undefined).filter(({ name }) => {
    const { flows } = generateTraffic({ seed: 1, classes: [name], flows: 1, packetsPerFlow: 12 });
    return flows[0]?.stacks.some((stack) => readersOf(stack).length === 0);
  });
  expect(unread.map(({ name }) => name)).toEqual([
    'hsr-ipv4-udp',
    'batman-ipv4-tcp',
    'eoip-ipv4-tcp',
    'etherip-ipv4-udp',
    'etherip-other-half-ipv4-udp',
    'srv6-ethernet-ipv4-tcp',
    'l2tp-ipv4-tcp',
    'mpls-in-udp-ipv4-tcp',
    'lisp-ipv4-tcp',
    'capwap-ipv4-tcp',
    'capwap-wlan-ipv4-udp',
  ]);
});

test('stacks are together that the same readers track', () => {
  expect(readersByStack(['cmd/ipv4/tcp', 'ipv4/udp/lisp/ipv4/tcp', 'cmd/ipv6/udp'])).toEqual([
    { readers: ['Snort', 'Arkime'], stacks: ['cmd/ipv4/tcp', 'cmd/ipv6/udp'] },
    { readers: [], stacks: ['ipv4/udp/lisp/ipv4/tcp'] },
  ]);
});

import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../src/traffic/checksum.ts';
import {
  buildFrame,
  DCCP_TYPE,
  dccp,
  destinationOptions,
  ETHERTYPE,
  ethernet,
  hopByHop,
  icmp6Echo,
  icmpEcho,
  ipv4,
  ipv6,
  type Layer,
  padding,
  raw,
  sctp,
  sctpChunk,
  segmentRouting,
  stackText,
  TCP_FLAG,
  tag,
  tcp,
  udp,
  udpLite,
  vlan,
} from '../../../src/traffic/frames.ts';
import { LAB_TAG, readTag } from '../../../src/traffic/tag.ts';
import { crc32cBitwise, lookAt } from '../../helpers/wire.ts';

const link = ethernet({ source: Uint8Array.of(2, 0, 0, 0, 0, 1), destination: Uint8Array.of(2, 0, 0, 0, 0, 2) });
const v4 = { source: Uint8Array.of(198, 18, 0, 1), destination: Uint8Array.of(198, 19, 255, 254) };
const v6 = {
  source: Uint8Array.from(Buffer.from('20010db8000100000000000000000001', 'hex')),
  destination: Uint8Array.from(Buffer.from('20010db80002ffff0000fffe0000abcd', 'hex')),
};
const ports = { sourcePort: 61440, destinationPort: 12800 };
const label = tag({ flow: 7, direction: 'reverse' });
const odd = raw(Uint8Array.of(1, 2, 3, 4, 5));

const transports: Readonly<Record<string, readonly Layer[]>> = {
  tcp: [tcp({ ports, sequence: 0xfffffff0, acknowledgment: 5, flags: TCP_FLAG.ack }), label, odd],
  'tcp with options': [
    tcp({ ports, sequence: 1, acknowledgment: 0, flags: TCP_FLAG.syn, optionBytes: 4 }),
    raw(Uint8Array.of(2, 4, 5, 180)),
  ],
  udp: [udp(ports), label, odd],
  'udp without payload': [udp(ports)],
  'udp-lite, all covered': [udpLite(ports), label, odd],
  'udp-lite, header covered': [udpLite(ports, { coverage: 8 }), label, odd],
  sctp: [sctp({ ports, verificationTag: 9 }), sctpChunk(0, 3, [1, 2, 3]), tag({ flow: 7, direction: 'forward', guard: 'crc32c' })],
  'dccp request': [dccp({ ports, type: DCCP_TYPE.request, sequence: 1, acknowledgment: 0 }), label],
  'dccp response': [dccp({ ports, type: DCCP_TYPE.response, sequence: 1, acknowledgment: 0 }), label],
  'dccp data': [dccp({ ports, type: DCCP_TYPE.dataAck, sequence: 1, acknowledgment: 1 }), label, odd],
};
const networks: Readonly<Record<string, readonly Layer[]>> = {
  ipv4: [ipv4(v4)],
  'ipv4 with options': [ipv4({ ...v4, options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) })],
  ipv6: [ipv6({ ...v6, flowLabel: 0xfffff, trafficClass: 0xb8 })],
  'ipv6 with extension headers': [ipv6(v6), hopByHop(), destinationOptions(), segmentRouting(v6.destination)],
};
const cases = Object.entries(networks).flatMap(([network, outer]) =>
  Object.entries(transports).map(([name, inner]) => ({ name: `${name} over ${network}`, layers: [link, ...outer, ...inner] })),
);

describe('every transport over every network', () => {
  test.each(cases)('$name', ({ layers }) => {
    const seen = lookAt(buildFrame(layers));
    expect(seen.faults).toEqual([]);
    expect(seen.stack).toBe(stackText(layers));
    expect(seen.ports).toEqual([ports.sourcePort, ports.destinationPort]);
  });

  test.each([true, false])('echo, request %s', (request) => {
    const echo = { request, identifier: 77, sequence: 3 };
    const ping = lookAt(buildFrame([link, ipv4(v4), icmpEcho(echo), label, odd]));
    const ping6 = lookAt(buildFrame([link, ipv6(v6), icmp6Echo(echo), label, odd]));
    expect([ping.faults, ping6.faults]).toEqual([[], []]);
    expect([ping.stack, ping6.stack]).toEqual(['ipv4/icmp', 'ipv6/icmp6']);
  });
});

test('a whole frame, byte by byte', () => {
  const frame = buildFrame([
    link,
    vlan({ id: 0x123, priority: 5 }),
    ipv4({ ...v4, identification: 0xabcd }),
    udp(ports),
    raw(Uint8Array.of(0xca, 0xfe)),
  ]);
  expect(Buffer.from(frame).toString('hex')).toBe(
    ['020000000002020000000001', '8100a123', '0800', '4500001eabcd4000401102dcc6120001c613fffe', 'f0003200000a86b4', 'cafe'].join(''),
  );
});

test('two tags: the service tag outside, each announcing what follows', () => {
  const layers = [link, vlan({ id: 5, etherType: ETHERTYPE.qinq }), vlan({ id: 6 }), ipv6(v6), udp(ports)];
  const seen = lookAt(buildFrame(layers));
  expect(seen).toMatchObject({ stack: 'vlan/vlan/ipv6/udp', vlans: [5, 6], faults: [] });
});

test('tunnels are longer lists: an Ethernet frame in UDP, an IPv4 packet in IPv6', () => {
  const inner = [link, ipv4(v4), udp(ports), label];
  const vxlan = raw(Uint8Array.of(8, 0, 0, 0, 0, 0, 5, 0));
  const outer = [link, ipv6(v6), udp({ sourcePort: 50000, destinationPort: 4789 }), vxlan];
  const frame = buildFrame([...outer, ...inner]);
  expect(lookAt(frame).faults).toEqual([]);
  expect(lookAt(frame.subarray(14 + 40 + 8 + 8))).toMatchObject({ stack: 'ipv4/udp', faults: [] });

  const dsLite = buildFrame([link, ipv6(v6), ipv4(v4), udp(ports), label]);
  expect(dsLite[14 + 6]).toBe(4);
  const unwrapped = Buffer.concat([dsLite.subarray(0, 12), Uint8Array.of(8, 0), dsLite.subarray(54)]);
  expect(lookAt(unwrapped).faults).toEqual([]);
  expect(stackText([link, ipv6(v6), ipv4(v4), udp(ports)])).toBe('ipv6/ipv4/udp');
  expect(stackText([...outer, ...inner])).toBe('ipv6/udp/eth/ipv4/udp');
});

test('without a checksum the field is zero', () => {
  const frame = buildFrame([link, ipv4(v4), udp(ports, { checksum: false }), label]);
  expect(Array.from(frame.subarray(14 + 20 + 6, 14 + 20 + 8))).toEqual([0, 0]);
});

test('a sum of zero is sent as all ones: UDP reads zero as "no checksum"', () => {
  // The one payload word that makes the complement zero is found by trying.
  const sums = Array.from({ length: 65536 }, (_, word) => {
    const frame = buildSmall(word);
    return (frame[40] ?? 0) * 256 + (frame[41] ?? 0);
  });
  expect(sums).not.toContain(0);
  expect(sums.filter((sum) => sum === 0xffff)).toHaveLength(1);
});

function buildSmall(word: number): Uint8Array {
  return buildFrame([link, ipv4(v4), udp(ports), raw(Uint8Array.of(word >> 8, word & 255))]);
}

test('a frame larger than an IP packet can be is refused', () => {
  expect(() => buildFrame([link, ipv4(v4), udp(ports), padding({ length: 70000 })])).toThrow(RangeError);
});

test('padding counts as zero bytes wherever it stands', () => {
  for (const tail of [[padding({ length: 9 })], [padding({ length: 9 }), odd], [padding({ length: 4 }), padding({ length: 5 })]]) {
    expect(lookAt(buildFrame([link, ipv4(v4), udp(ports), odd, ...tail])).faults).toEqual([]);
  }
});

test('crc32c: the check value of the catalogue, and the slow way', () => {
  const digits = Buffer.from('123456789');
  expect(crc32c(digits, 0, digits.length)).toBe(0xe3069283);
  expect(crc32cBitwise(digits)).toBe(0xe3069283);
});

test('the lab tag can be read back', () => {
  const frame = buildFrame([link, ipv4(v4), udp(ports), tag({ flow: 0xfedcba98, direction: 'reverse' })]);
  expect(readTag(frame, frame.length - LAB_TAG.bytes)).toEqual({ flow: 0xfedcba98, direction: 'reverse', sequence: 0 });
  expect(readTag(frame, frame.length - LAB_TAG.bytes + 1)).toBeUndefined();
  expect(readTag(frame, 0)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { classesSelectedBy, groupNames, STANDARD_CLASSES, TRAFFIC_CLASSES } from '../../../src/traffic/classes.ts';
import { LAB_TAG } from '../../../src/traffic/tag.ts';
import { generateTraffic } from '../../../src/traffic/traffic.ts';
import { framesOf, packetsOf } from '../../helpers/traffic.ts';
import { isWholeDatagram, type Seen } from '../../helpers/wire.ts';

const CLASS_NAMES = TRAFFIC_CLASSES.map((row) => row.name);

const byClass = (name: string) => packetsOf(generateTraffic({ seed: 11, classes: [name], flows: 40 }));

test('names are unique', () => {
  expect(new Set(CLASS_NAMES).size).toBe(CLASS_NAMES.length);
});

test('the mix of a run is what every current kernel keeps together', () => {
  const standard = TRAFFIC_CLASSES.filter((row) => STANDARD_CLASSES.includes(row.name));
  expect(standard).toHaveLength(23);
  for (const { expect: expected } of standard) expect(expected).toMatchObject({ hash: 'together' });
  expect(standard.flatMap(({ expect: { probe } }) => probe ?? [])).toEqual(
    ['a', 'a', 'b', 'b', 'c', 'c'].map((letter) => `known-bug-${letter}`),
  );
  const { flows } = generateTraffic({ seed: 1, flows: 23 });
  expect(flows.map((flow) => flow.class)).toEqual(STANDARD_CLASSES);
});

test.each(CLASS_NAMES)('%s: right in every byte, with all the stacks it says, also after its tags are rewritten', (name) => {
  const traffic = generateTraffic({ seed: 12, classes: [name], flows: 6, packetsPerFlow: 12, payloadMax: 300 });
  const { frames, offsets, tags, flows } = traffic;
  for (const packets of [packetsOf(traffic), packetsOf({ ...traffic, frames: renumbered(frames, offsets, tags) })]) {
    expect(packets.flatMap(({ seen }) => seen.faults)).toEqual([]);
    expect(Array.from(new Set(packets.map(({ seen }) => seen.stack))).sort()).toEqual([...(flows[0]?.stacks ?? [])].sort());
    const fronts = packets.flatMap(({ seen: { fragment } }) => (fragment?.more === true ? [fragment] : []));
    const rears = packets.flatMap(({ seen: { fragment } }) => (fragment?.more === false ? [fragment] : []));
    expect(fronts).toHaveLength(name.includes('headless') ? 0 : rears.length);
    // Datagrams of one number, one length and one content are alike.
    const most = name.includes('reused') ? rears.length : 1;
    for (const front of fronts) {
      const own = rears.filter((rear) => isWholeDatagram(front, rear));
      expect(own.length).toBeGreaterThanOrEqual(1);
      expect(own.length).toBeLessThanOrEqual(most);
    }
  }
});

/** As the injector does it, where the tag is guarded by its complement. */
function renumbered(frames: Uint8Array, offsets: Uint32Array, tags: Uint16Array): Uint8Array {
  const copy = Buffer.from(frames);
  tags.forEach((tagAt, i) => {
    const at = (offsets[i] ?? 0) + tagAt;
    if (copy[at + LAB_TAG.guardKindOffset] !== 0) return;
    copy.writeUInt32BE((0x89abcdef + i) >>> 0, at + LAB_TAG.sequenceOffset);
    copy.writeUInt32BE(~(0x89abcdef + i) >>> 0, at + LAB_TAG.guardOffset);
  });
  return copy;
}

test.each(['top-bit-ipv4-tcp', 'top-bit-ipv4-udp'])('%s: addresses differ in the top bit of the last octet only', (name) => {
  for (const { seen } of byClass(name)) {
    const [a, b] = [seen.src, seen.dst].map((text) => text.split('.').map(Number)) as [number[], number[]];
    expect(a.slice(0, 3)).toEqual(b.slice(0, 3));
    expect((a[3] ?? 0) ^ (b[3] ?? 0)).toBe(0x80);
  }
});

const labelsOf = (name: string) => {
  const labels = new Map<number, { forward: Set<number>; reverse: Set<number> }>();
  for (const { seen, tag } of byClass(name)) {
    const entry = labels.get(tag.flow) ?? { forward: new Set(), reverse: new Set() };
    entry[tag.direction].add(seen.flowLabel);
    labels.set(tag.flow, entry);
  }
  return Array.from(labels.values(), ({ forward, reverse }) => [Array.from(forward), Array.from(reverse)] as const);
};

test.each(['label-pair-ipv6-tcp', 'label-pair-ipv6-udp'])('%s: both directions have a label, and not the same', (name) => {
  for (const [forward, reverse] of labelsOf(name)) {
    expect([forward.length, reverse.length]).toEqual([1, 1]);
    expect(forward[0]).not.toBe(reverse[0]);
    expect([forward[0], reverse[0]]).not.toContain(0);
  }
});

test.each(['label-one-way-ipv6-tcp', 'label-one-way-ipv6-udp'])('%s: one direction has a label, the other none', (name) => {
  for (const [forward, reverse] of labelsOf(name)) {
    expect([forward.length, reverse.length]).toEqual([1, 1]);
    expect([forward[0], reverse[0]].filter((label) => label === 0)).toHaveLength(1);
  }
});

test.each([
  ['vlan-ipv4-tcp', true],
  ['qinq-ipv6-tcp', true],
  ['vlan-pair-ipv4-tcp', false],
  ['qinq-pair-ipv4-tcp', false],
  ['vlan-one-way-ipv4-tcp', false],
  ['duplicate-vlan-ipv4-tcp', false],
  ['vlan-three-ipv6-udp', true],
])('%s: the same tags in both directions: %s', (name, same) => {
  const tags = new Map<number, Set<string>>();
  for (const { seen, tag } of byClass(name)) tags.set(tag.flow, (tags.get(tag.flow) ?? new Set()).add(seen.vlans.join()));
  expect(Array.from(tags.values()).every((set) => set.size === (same ? 1 : 2))).toBe(true);
});

/** What of a packet must be the same, or not, in both directions: how many values each flow has. */
function valuesOf(name: string, what: (seen: Seen) => unknown): readonly number[] {
  const flows = new Map<number, Set<string>>();
  for (const { seen, tag } of byClass(name)) flows.set(tag.flow, (flows.get(tag.flow) ?? new Set()).add(JSON.stringify(what(seen))));
  return Array.from(flows.values(), (values) => values.size);
}
const ones = Array.from({ length: 40 }, () => 1);
const twos = Array.from({ length: 40 }, () => 2);

test('an SPI for each direction, or one for both', () => {
  for (const name of ['esp-ipv4', 'esp-ipv6', 'ah-ipv4-tcp', 'ah-ipv6-udp']) expect(valuesOf(name, ({ spi }) => spi)).toEqual(twos);
  for (const name of ['esp-same-spi-ipv4', 'ah-same-spi-ipv4-tcp']) expect(valuesOf(name, ({ spi }) => spi)).toEqual(ones);
});

const outerPorts = ({ outer }: Seen) => [...outer.ports].sort((a, b) => a - b);

test('the outer ports of a tunnel: one pair for each direction, or one for both', () => {
  for (const name of ['vxlan-ipv4-tcp', 'geneve-ipv4-tcp', 'gre-in-udp-ipv4-tcp', 'mpls-in-udp-ipv4-tcp', 'lisp-ipv4-tcp'])
    expect(valuesOf(name, outerPorts)).toEqual(twos);
  for (const name of [
    'vxlan-fixed-port-ipv4-tcp',
    'gtpu-ipv4-tcp',
    'l2tp-ipv4-tcp',
    'teredo-ipv6-udp',
    'ayiya-ipv6-tcp',
    'capwap-ipv4-tcp',
  ]) {
    expect(valuesOf(name, outerPorts)).toEqual(ones);
  }
});

/** Bytes 8 to 11 of the outer source: what known bug D takes for part of an IPv4 flow. */
const staleBytes = ({ outer }: Seen) => outer.src.split(':').slice(4, 6);

test('known bug D shows where outer addresses differ in bytes 8 to 11, and only there', () => {
  for (const { name, expect: expected } of TRAFFIC_CLASSES) {
    const first = byClass(name)[0]?.seen;
    const carries = first?.outer.src.includes(':') === true && first.stack.split('/').lastIndexOf('ipv4') > 0;
    if (carries) expect(valuesOf(name, staleBytes)).toEqual(expected.probe === 'known-bug-d' ? twos : ones);
    else expect(expected.probe).not.toBe('known-bug-d');
  }
});

test.each(['cmd-one-way-ipv4-tcp', 'fabricpath-one-way-ipv4-tcp'])('%s: one direction is bare', (name) => {
  expect(valuesOf(name, ({ stack }) => stack)).toEqual(twos);
  expect(new Set(byClass(name).map(({ seen, tag }) => `${tag.direction} ${seen.stack === 'ipv4/tcp'}`)).size).toBe(2);
});

test('each end of a segment routed tunnel sends to a segment of the other, which sends from elsewhere', () => {
  expect(valuesOf('srv6-ethernet-ipv4-tcp', ({ outer }) => [outer.src, outer.dst].sort())).toEqual(twos);
});

test('both directions of a mirrored flow go to the collector', () => {
  for (const name of ['erspan1-ipv4-tcp', 'erspan2-ipv4-tcp', 'erspan3-ipv4-udp']) {
    expect(valuesOf(name, ({ outer }) => outer.src)).toEqual(ones);
    expect(valuesOf(name, ({ src }) => src)).toEqual(twos);
  }
});

test('errors come from the other end of the flow, or from elsewhere', () => {
  const fromPeer = (name: string) => {
    const errors = byClass(name).filter(({ seen }) => /icmp6?\//.test(seen.stack));
    expect(errors.length).toBeGreaterThanOrEqual(80);
    return new Set(errors.map(({ seen }) => seen.outer.src === seen.src));
  };
  for (const family of ['ipv4', 'ipv6']) {
    expect(fromPeer(`icmp-error-peer-${family}-udp`)).toEqual(new Set([true]));
    expect(fromPeer(`icmp-error-router-${family}-udp`)).toEqual(new Set([false]));
  }
});

test('a packet that is seen twice is the same twice, from its IP header on', () => {
  const frames = framesOf(generateTraffic({ seed: 1, classes: ['duplicate-mpls-ipv4-tcp'], flows: 5, concurrency: 1 }));
  const packets = frames.map((frame, i) => Buffer.from(frame.subarray(i % 2 === 0 ? 18 : 14)));
  for (let i = 0; i < packets.length; i += 2) expect(packets[i]).toEqual(packets[i + 1]);
});

test('tunnels are shared by many flows, and there are several', () => {
  const ends = new Set(byClass('gtpu-ipv4-tcp').map(({ seen }) => seen.outer.src));
  // Two ends of each; forty flows between ten pairs of hosts.
  expect(ends.size).toBe(20);
});

test('a class has as many tunnels, whatever other classes take turns with it', () => {
  for (const count of [1, 8, 16, 17]) {
    const classes = ['gtpu-ipv4-tcp', ...CLASS_NAMES.slice(0, count - 1)];
    const packets = packetsOf(generateTraffic({ seed: 1, classes, flows: 40 * count }));
    expect(new Set(packets.filter(({ seen }) => seen.stack.includes('gtpu')).map(({ seen }) => seen.outer.src)).size).toBe(20);
  }
});

test.each(TRAFFIC_CLASSES.map(({ name, packetsMin }) => [name, packetsMin] as const))('%s: %i packets go both ways', (name, packetsMin) => {
  const { flows } = generateTraffic({ seed: 1, classes: [name], flows: 8, packetsPerFlow: packetsMin });
  for (const { packets } of flows) expect(Math.min(packets.forward, packets.reverse)).toBeGreaterThan(0);
  expect(() => generateTraffic({ seed: 1, classes: [name], flows: 8, packetsPerFlow: packetsMin - 1 })).toThrow(RangeError);
});

test('names say what is innermost', () => {
  for (const { name, flow } of TRAFFIC_CLASSES) {
    const [, network, transport] = /(ipv[46])-(\w+)$/.exec(name) ?? [];
    if (transport === undefined) continue;
    expect([name, flow?.family, flow?.proto]).toEqual([name, network === 'ipv4' ? 4 : 6, transport]);
  }
});

test('a class is selected by its name, its groups and globs', () => {
  expect(classesSelectedBy('arp')).toEqual(['arp']);
  expect(classesSelectedBy('erspan')).toEqual(['erspan1-ipv4-tcp', 'erspan2-ipv4-tcp', 'erspan3-ipv4-udp']);
  expect(classesSelectedBy('erspan*')).toEqual(classesSelectedBy('erspan'));
  expect(classesSelectedBy('vxlan-ipv*udp')).toEqual(['vxlan-ipv6-udp']);
  expect(classesSelectedBy('nsh*')).toEqual(expect.arrayContaining(['nsh', 'nsh-ipv4-tcp', 'nsh-twice-ipv4-tcp']));
  expect(classesSelectedBy('*')).toEqual(CLASS_NAMES);
  expect(classesSelectedBy('all')).toEqual(CLASS_NAMES);
  expect(classesSelectedBy('standard')).toEqual(STANDARD_CLASSES);
  expect(classesSelectedBy('tunnel').length).toBeGreaterThan(30);
  for (const unknown of ['', 'ipv4', 'vlan.*', 'constructor', '__proto__', 'ARP', ' arp', '(', '\\'])
    expect(classesSelectedBy(unknown)).toEqual([]);
  expect(classesSelectedBy(`${'*'.repeat(10_000)}x`)).toEqual([]);
});

test('what is longer than any name selects nothing, however long it is', () => {
  for (const length of [40, 100_000]) expect(classesSelectedBy('p'.repeat(length))).toEqual([]);
  expect(classesSelectedBy(`${'*'.repeat(100_000)}arp`)).toEqual(['arp']);
});

test('every group selects something, and no group is called like a class', () => {
  for (const group of groupNames()) {
    expect(classesSelectedBy(group).length).toBeGreaterThan(0);
    expect(CLASS_NAMES).not.toContain(group);
  }
});

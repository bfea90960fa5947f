/** The simulated NIC against receive-side scaling worked out once more, on every class of traffic. */
import { describe, expect, test } from 'vitest';
import type { NicSettings } from '../../src/addon/nic.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { loadLabAddon } from '../helpers/addon.ts';
import { rssHash, SUITE_KEY } from '../helpers/toeplitz.ts';
import { framesOf } from '../helpers/traffic.ts';

const addon = loadLabAddon();
const [TCP, UDP, SCTP] = [6, 17, 132];
const ALL_PORTS = ['tcp4', 'udp4', 'sctp4', 'tcp6', 'udp6', 'sctp6'] as const;
/** 31 entries: no power of two, so that every bit of the hash counts. */
const TABLE = Uint16Array.from({ length: 31 }, (_, i) => (i * 5) % 8);
const settings: NicSettings = { key: SUITE_KEY, transform: 'none', ports: ALL_PORTS, table: TABLE };

const traffic = generateTraffic({ seed: 21, classes: TRAFFIC_CLASSES.map(({ name }) => name), flows: 500, packetsPerFlow: 8 });
const frames = framesOf(traffic);

describe('the queue of every frame of every class of traffic', () => {
  test.each([
    ['addresses and ports', {}, [TCP, UDP, SCTP]],
    ['addresses', { ports: [] }, []],
    ['ports of TCP', { ports: ['tcp4', 'tcp6'] as const }, [TCP]],
    ['source XOR destination', { transform: 'symmetric-xor' as const }, [TCP, UDP, SCTP]],
    ['source OR destination, and XOR', { transform: 'symmetric-or-xor' as const }, [TCP, UDP, SCTP]],
    [
      'a longer key, of which the rest is not used',
      { key: Uint8Array.from([...SUITE_KEY, ...new Uint8Array(12).fill(7)]) },
      [TCP, UDP, SCTP],
    ],
  ])('%s', (_, change, portsOf) => {
    const { transform = 'none' }: Partial<NicSettings> = change;
    const expected = frames.map((frame) => TABLE[rssHash(frame, { key: SUITE_KEY, transform, portsOf }) % TABLE.length]);
    expect([...new addon.Nic({ ...settings, ...change }).spread(traffic.frames, traffic.offsets)]).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(4);
  });
});

test('wrong arguments are refused', () => {
  const bad = (change: object) => () => new addon.Nic({ ...settings, ...change });
  expect(bad({ key: SUITE_KEY.subarray(1) })).toThrow(RangeError);
  expect(bad({ table: new Uint16Array() })).toThrow(RangeError);
  expect(bad({ key: 'text' })).toThrow(TypeError);
  expect(bad({ transform: 'xor' })).toThrow(TypeError);
  expect(bad({ ports: ['tcp'] })).toThrow(TypeError);
  const nic = new addon.Nic(settings);
  expect(() => nic.spread(traffic.frames, Uint32Array.of(0, 20, 10))).toThrow(RangeError);
  expect(() => nic.spread(traffic.frames, Uint32Array.of(0, 2 ** 31))).toThrow(RangeError);
  expect([...nic.spread(new Uint8Array(), new Uint32Array())]).toEqual([]);
});

/** The figures of docs/cure.md, as far as a test can hold them: how flows spread, and what a flood of first pieces takes. */
import { beforeAll, expect } from 'vitest';
import { BUILD_TIMEOUT_MS, buildNativeCases, steeringFigures } from '../helpers/native-cases.ts';
import { root, testWith } from '../helpers/requirements.ts';

beforeAll(() => buildNativeCases(), BUILD_TIMEOUT_MS);

type ByLever<T> = Readonly<Record<'addresses' | 'ports' | 'hash + dissector', T>>;

testWith([root()], 'ports spread the flows of any hosts, addresses those of many', {}, async () => {
  const balance = (await steeringFigures('balance', '3')) as Readonly<Record<string, ByLever<number>>>;
  expect(Object.keys(balance)).toHaveLength(4);
  for (const [mix, { ports }] of Object.entries(balance)) expect(ports, mix).toBeLessThan(1.6);
  expect(balance['500 pairs']?.addresses).toBeLessThan(1.6);
  expect(balance['500 pairs']?.['hash + dissector']).toBeLessThan(1.6);
  // Half of all flows are on one of eight members.
  for (const lever of ['addresses', 'hash + dissector'] as const)
    expect(balance['50 pairs, one of them with half of all flows']?.[lever]).toBeGreaterThan(4);
});

testWith([root()], 'a flood of first pieces takes what is remembered, and nothing else', {}, async () => {
  const [flooded] = (await steeringFigures('flood', 'tunnels', '70000')) as readonly (ByLever<{ IPv4: number; VXLAN: number }> & {
    readonly datagrams: number;
  })[];
  if (flooded === undefined) throw new Error('no figures');
  const { datagrams, addresses, ports, 'hash + dissector': dissector } = flooded;
  // Every piece tells its addresses.
  expect([addresses.IPv4, dissector.IPv4]).toEqual([datagrams, datagrams]);
  // Later pieces have lost their first one: by chance one of eight is at home.
  for (const kept of [addresses.VXLAN, ports.IPv4, ports.VXLAN, dissector.VXLAN]) expect(kept).toBeLessThan(datagrams / 3);
});

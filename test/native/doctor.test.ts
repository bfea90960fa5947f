/** Sampled flows through the simulated NIC, against receive-side scaling worked out once more. */
import { describe, expect, test } from 'vitest';
import { SAMPLED_FLOWS, sampleHash } from '../../src/commands/doctor/samples.ts';
import { examine } from '../../src/nic/examine.ts';
import { HASHED_FLOWS } from '../../src/nic/facts.ts';
import { settingsOf } from '../../src/nic/hashing.ts';
import { evenly, hashedBy, NICS, nic, rssOf, sampled, symmetricNic } from '../helpers/nics.ts';

const shares = (facts: Parameters<typeof sampleHash>[0], pair: 'reverse' | 'fragment') =>
  HASHED_FLOWS.map((flow) => {
    const queues = sampleHash(facts)?.queues?.[flow];
    return (queues?.forward.filter((queue, i) => queue !== queues[pair][i]).length ?? Number.NaN) / SAMPLED_FLOWS;
  });

describe('directions', () => {
  test.each([2, 4, 8, 64])('of %d queues behind an asymmetric key one in so many meets by chance', (queues) => {
    for (const share of shares(nic({ rss: rssOf({ table: evenly(queues) }) }), 'reverse')) expect(share).toBeCloseTo(1 - 1 / queues, 1);
  });

  test.each([
    ['a key that repeats', symmetricNic({ hashFields: hashedBy('sdfn') })],
    ['symmetric-or-xor', NICS['mlx5 of Linux 6.16']],
  ])('%s: all meet', (_, facts) => {
    expect(shares(facts, 'reverse')).toEqual([0, 0, 0, 0]);
    expect(sampleHash(facts)?.hashes.tcp6.forward).toEqual(sampleHash(facts)?.hashes.tcp6.reverse);
  });

  test('flows differ from one another', () => {
    const { forward } = sampleHash(symmetricNic())?.hashes.udp6 ?? {};
    expect(new Set(forward).size).toBeGreaterThan(1000);
  });
});

test('fragments leave the queue of their flow where ports are hashed', () => {
  const [tcp4 = 0, udp4, tcp6 = 0, udp6] = shares(symmetricNic({ hashFields: hashedBy('sdfn', 'sd') }), 'fragment');
  expect([udp4, udp6]).toEqual([0, 0]);
  expect(tcp4).toBeCloseTo(0.75, 1);
  expect(tcp6).toBeCloseTo(0.75, 1);
});

test.each(Object.entries(NICS))('%s: the same findings as with a hash worked out by other means', (_, facts) => {
  for (const mode of ['hash', 'qm', 'cpu'] as const) {
    const codes = (samples: ReturnType<typeof sampleHash>) =>
      examine(facts, { mode, flags: [], procs: 4 }, samples).findings.map(({ code, severity }) => [code, severity]);
    expect(codes(sampleHash(facts))).toEqual(codes(sampled(facts)));
  }
  expect(sampleHash(facts) === undefined).toBe(settingsOf(facts) === undefined);
});

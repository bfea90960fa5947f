/** The BPF programs beside the dissector of this project, over hundreds of thousands of frames (native/test/steering_difference.cpp). */
import { beforeAll, expect } from 'vitest';
import { BUILD_TIMEOUT_MS, buildNativeCases, runSteeringDifference } from '../helpers/native-cases.ts';
import { root, testWith } from '../helpers/requirements.ts';

/** `FANOUT_STEERING_SECONDS=600` compares for ten minutes; every seed makes other frames. */
const SECONDS = Number(process.env['FANOUT_STEERING_SECONDS'] ?? 8);
const SEED = Number(process.env['FANOUT_STEERING_SEED'] ?? 1);

beforeAll(() => buildNativeCases(), BUILD_TIMEOUT_MS);

testWith([root()], 'every frame goes where its innermost flow goes', { timeout: (SECONDS + 120) * 1000 }, async () => {
  const { stdout, stderr, code } = await runSteeringDifference(SECONDS, SEED);
  expect([code, stderr], stdout).toEqual([0, '']);
  const counted = (what: string): number => Number(new RegExp(`^${what}: (\\d+)$`, 'm').exec(stdout)?.[1]);
  expect(counted('different'), stdout).toBe(0);
  // No empty success: some of everything was compared, though the machine be slow.
  expect(counted('frames')).toBeGreaterThan(5000);
  expect(counted('flows')).toBeGreaterThan(2500);
  for (const what of ['from the link header on', 'received', 'outgoing']) expect(counted(what), what).toBeGreaterThan(500);
  for (const what of ['later pieces', 'without a flow']) expect(counted(what), what).toBeGreaterThan(100);
  expect(counted('remembered')).toBeGreaterThan(10);
  expect(counted('received') / counted('sent')).toBeGreaterThan(0.99);
});

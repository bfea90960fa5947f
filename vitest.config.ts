import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The file that takes longest goes first, beside all the others. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('test/simulation/seeds.test.ts');
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** One project a folder. Those that start processes or load the machine run file by file: their time limits assume a quiet machine. */
const alone = { fileParallelism: false, pool: 'forks', testTimeout: 180_000, hookTimeout: 180_000 } as const;

/** They start dist/cli.js or load the addon, and must not test an old build. */
const built = { globalSetup: 'scripts/stale.mjs' } as const;

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      { test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 30_000, ...built } },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], ...built } },
      { test: { name: 'native', include: ['test/native/**/*.test.ts'], ...alone, ...built, testTimeout: 600_000 } },
      { test: { name: 'process', include: ['test/process/**/*.test.ts'], ...alone, ...built } },
      { test: { name: 'clock', include: ['test/clock/**/*.test.ts'], ...alone, ...built } },
      { test: { name: 'kernels', include: ['test/kernels/**/*.test.ts'], ...alone, ...built } },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...alone, ...built } },
    ],
  },
});

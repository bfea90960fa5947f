/** What a test needs of the machine: probed by doing the thing. What is missing skips the test, with the remedy in its name. */
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestOptions, test } from 'vitest';

export interface Requirement {
  readonly reason: string;
  readonly remedy: string;
}

/** Nothing if the program is in PATH. */
export function program(name: string, debianPackage = name): Requirement | undefined {
  const isThere = (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? undefined : { reason: `${name} is not in PATH`, remedy: `apt-get install ${debianPackage}` };
}

export function cpus(count: number): Requirement | undefined {
  return availableParallelism() >= count ? undefined : { reason: `fewer than ${count} CPUs`, remedy: 'run it on a larger machine' };
}

/** Nothing if this process may do what only root may. */
export function root(): Requirement | undefined {
  return process.getuid?.() === 0 ? undefined : { reason: 'not root', remedy: 'run it with sudo' };
}

/** A test that runs where all requirements are met; elsewhere it is skipped, or fails where every test must run. */
export function testWith(
  requirements: readonly (Requirement | undefined)[],
  name: string,
  options: TestOptions,
  body: () => Promise<void> | void,
): void {
  const missing = requirements.find((requirement) => requirement !== undefined);
  if (missing === undefined) test(name, options, body);
  else if (process.env['REQUIRE_ALL_TESTS'] === '1')
    test(name, () => {
      throw new Error(`${missing.reason}; to run it: ${missing.remedy}`);
    });
  else test.skip(`${name} (skipped: ${missing.reason}; to run it: ${missing.remedy})`, body);
}

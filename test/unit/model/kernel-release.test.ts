import { expect, test } from 'vitest';
import { isAtLeast, isOnBranchFrom, parseKernelRelease } from '../../../src/model/kernel-release.ts';

test.each([
  ['6.18.44-fc', { major: 6, minor: 18, patch: 44, build: 0 }],
  ['4.4.0-38-generic', { major: 4, minor: 4, patch: 0, build: 38 }],
  ['6.1', { major: 6, minor: 1, patch: 0, build: 0 }],
  ['3.10.0-514.el7.x86_64', { major: 3, minor: 10, patch: 0, build: 514 }],
  ['next', undefined],
])('%s', (text, release) => expect(parseKernelRelease(text)).toEqual(release));

test.each([
  ['4.10.0', 4, 9, true],
  ['5.0.0', 4, 20, true],
  ['4.9.200', 4, 10, false],
  ['3.99.0', 4, 0, false],
] as const)('%s is at least %i.%i: %s', (text, major, minor, expected) => {
  const release = parseKernelRelease(text);
  expect(release !== undefined && isAtLeast(release, major, minor)).toBe(expected);
});

test('a point release counts on its own branch only', () => {
  const release = { major: 5, minor: 16, patch: 200, build: 0 };
  expect(isOnBranchFrom(release, 5, 15, 132)).toBe(false);
  expect(isOnBranchFrom({ ...release, minor: 15 }, 5, 15, 132)).toBe(true);
  expect(isOnBranchFrom({ ...release, minor: 15, patch: 131 }, 5, 15, 132)).toBe(false);
});

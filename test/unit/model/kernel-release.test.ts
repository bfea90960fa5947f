import { describe, expect, test } from 'vitest';
import { has, identityIn, isAtLeast, kernelText, parseKernelRelease } from '../../../src/model/kernel-release.ts';

const plain = { build: 0, isVague: false };

test.each([
  ['6.18.44-fc', { major: 6, minor: 18, patch: 44, ...plain }],
  ['6.1', { major: 6, minor: 1, patch: 0, ...plain }],
  ['5.10.46', { major: 5, minor: 10, patch: 46, ...plain }],
  // Distributions that keep the point release in the name: Arch, Amazon, Raspberry Pi, Debian from 13 on, Proxmox.
  ['6.6.10-arch1-1', { major: 6, minor: 6, patch: 10, ...plain }],
  ['5.10.223-212.873.amzn2.x86_64', { major: 5, minor: 10, patch: 223, build: 212, isVague: false }],
  ['6.1.21-v8+', { major: 6, minor: 1, patch: 21, ...plain }],
  ['6.12.117+deb13-cloud-amd64', { major: 6, minor: 12, patch: 117, ...plain }],
  ['6.8.12-4-pve', { major: 6, minor: 8, patch: 12, build: 4, isVague: false }],
  // Those that do not.
  ['5.10.0-30-amd64', { major: 5, minor: 10, patch: 0, build: 30, isVague: true }],
  ['4.4.0-38-generic', { major: 4, minor: 4, patch: 0, build: 38, isVague: true }],
  // Vendors' branches.
  ['3.10.0-514.el7.x86_64', { major: 3, minor: 10, patch: 0, build: 514, isVague: true }],
  ['4.18.0-553.el8_10.x86_64', { major: 4, minor: 18, patch: 0, build: 553, isVague: true }],
  ['5.15.0-200.131.27.el8uek.x86_64', { major: 5, minor: 15, patch: 0, build: 200, isVague: true }],
  ['5.14.21-150500.55.39-default', { major: 5, minor: 14, patch: 21, build: 150500, isVague: true }],
  ['next', undefined],
])('%s', (text, release) => expect(parseKernelRelease(text)).toEqual(release));

describe('the point release, where the release does not tell it', () => {
  test.each([
    ['Debian', { release: '5.10.0-30-amd64', version: '#1 SMP Debian 5.10.218-1 (2024-06-01)' }, 218],
    [
      'Debian, a cloud kernel with security updates',
      { release: '5.10.0-46-cloud-amd64', version: '#1 SMP Debian 5.10.262-1 (2026-01-01)' },
      262,
    ],
    ['Ubuntu', { release: '5.15.0-91-generic', version: '#101-Ubuntu SMP', signature: 'Ubuntu 5.15.0-91.101-generic 5.15.131' }, 131],
    [
      'Ubuntu, of a later release',
      { release: '5.15.0-91-generic', version: '#101~20.04.1-Ubuntu SMP', signature: 'Ubuntu 5.15.0-91.101~20.04.1-generic 5.15.131' },
      131,
    ],
  ])('%s', (_, kernel, patch) => {
    expect(parseKernelRelease(kernel)).toMatchObject({ patch, isVague: false });
    expect(kernelText(kernel)).toBe(`${kernel.release} (${kernel.release.slice(0, 4)}.${patch})`);
  });

  test('not where another one is named than the release is of', () => {
    const kernel = { release: '6.1.0-9-amd64', version: '#1 SMP Debian 5.10.218-1 (2024-06-01)' };
    expect(parseKernelRelease(kernel)).toMatchObject({ minor: 1, patch: 0, isVague: true });
  });

  test.each([
    ['5.10.0-30-amd64 #1 SMP Debian 5.10.218-1 (2024-06-01)', 218],
    ['Ubuntu 5.15.0-91.101-generic 5.15.131', 131],
    ['5.15.0-91-generic 5.15.131', 131],
    [' 5.10.46 ', 46],
  ])('as typed: %s', (text, patch) => expect(parseKernelRelease(text)).toMatchObject({ patch, isVague: false }));

  test('nothing that was typed is lost', () => {
    expect(identityIn('5.10.0-30-amd64 #1 SMP Debian 5.10.218-1')).toMatchObject({
      release: '5.10.0-30-amd64',
      version: '#1 SMP Debian 5.10.218-1',
    });
  });
});

test.each([
  ['4.10.0', 4, 9, true],
  ['5.0.0', 4, 20, true],
  ['4.9.200', 4, 10, false],
  ['3.99.0', 4, 0, false],
] as const)('%s is at least %i.%i: %s', (text, major, minor, expected) => {
  const release = parseKernelRelease(text);
  expect(release !== undefined && isAtLeast(release, major, minor)).toBe(expected);
});

test.each([
  ['5.16.200', 'no'],
  ['5.15.132', 'yes'],
  ['5.15.131', 'no'],
  ['6.6.0', 'yes'],
  ['6.6.0-14-generic', 'yes'],
  ['5.15.0-91-generic', 'unknown'],
  ['5.14.0-427.el9.x86_64', 'unknown'],
] as const)('a change of 6.6 and 5.15.132 is in %s: %s', (text, expected) => {
  const release = parseKernelRelease(text);
  expect(release !== undefined && has(release, [6, 6], [[5, 15, 132]])).toBe(expected);
});

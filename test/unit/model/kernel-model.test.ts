import { describe, expect, test } from 'vitest';
import { CURRENT_DESIGN, designBy, designOf, designText, isDesignOpen, modelOf, olderDesign } from '../../../src/model/kernel-model.ts';
import { parseKernelRelease } from '../../../src/model/kernel-release.ts';

function of(text: string) {
  const release = parseKernelRelease(text);
  if (release === undefined) throw new Error(`no release: ${text}`);
  return release;
}

/** As measured on kernels that were booted: 5.10.46 (Debian's user-mode Linux), 5.10.218, 6.1.176, 6.12.113, 6.18.15, 7.2.7, 7.3.4. */
test.each([
  ['5.10.46', 'joint', 'no HSR', 'plain', 'BCD'],
  ['5.10.218', 'apart', 'no HSR', 'plain', 'D'],
  ['5.10.0-30-amd64 #1 SMP Debian 5.10.218-1', 'apart', 'no HSR', 'plain', 'D'],
  ['6.1.176', 'apart', 'HSR', 'checked', 'D'],
  ['6.12.113', 'apart', 'HSR', 'checked', 'D'],
  ['6.18.15', 'apart', 'HSR', 'compressed', 'D'],
  ['6.18.44', 'apart', 'HSR', 'checked', 'D'],
  ['7.2.7', 'apart', 'HSR', 'checked', 'D'],
  ['7.3.4', 'apart', 'HSR', 'checked', 'D'],
])('%s', (text, sorting, hsr, pppoe, bugs) => {
  const { design, bugs: found } = modelOf(of(text));
  expect([design.portsWithAddresses ? 'joint' : 'apart', design.readsHsr ? 'HSR' : 'no HSR', design.pppoe]).toEqual([sorting, hsr, pppoe]);
  expect([found.b ? 'B' : '', found.c ? 'C' : '', found.d ? 'D' : ''].join('')).toBe(bugs);
});

/** Not measured: from change logs. */
test.each([
  ['5.10.145', { portsWithAddresses: true }],
  ['5.10.146', { portsWithAddresses: false }],
  ['5.13.19', { portsWithAddresses: true }],
  ['5.14.0', { portsWithAddresses: false }],
  ['5.4.300', { portsWithAddresses: true }],
  ['5.17.15', { readsHsr: false }],
  ['5.18.0', { readsHsr: true }],
  ['5.19.17', { pppoe: 'plain' }],
  ['6.0.0', { pppoe: 'compressed' }],
  ['6.1.174', { pppoe: 'compressed' }],
  ['6.19.0', { pppoe: 'compressed' }],
  ['7.0.7', { pppoe: 'checked' }],
])('%s: %o', (text, expected) => expect(designOf(of(text))).toMatchObject(expected));

describe('bug D', () => {
  test.each([
    ['5.4.200', false],
    ['5.5.0', true],
    ['4.14.300', true],
    ['4.19.300', false],
  ])('%s: %s', (text, expected) => expect(modelOf(of(text)).bugs.d).toBe(expected));
});

test('a bug that may have been mended counts as not mended', () => {
  expect(modelOf(of('5.10.0-30-amd64')).bugs).toEqual({ b: true, c: true, d: true });
  expect(modelOf(of('5.14.0-427.el9.x86_64')).bugs).toEqual({ b: true, c: true, d: true });
});

test.each([
  ['5.14.0-427.el9.x86_64', true],
  ['5.10.0-30-amd64', true],
  ['5.10.0-30-amd64 #1 SMP Debian 5.10.218-1 (2024-06-01)', false],
  ['4.18.0-553.el8_10.x86_64', true],
  ['6.12.0-55.9.1.el10_0.x86_64', true],
  ['7.1.0-3.el11.x86_64', false],
  ['5.10.46', false],
  ['6.18.44', false],
  ['custom', false],
])('%s leaves open how it was meant to hash: %s', (kernel, isOpen) => expect(isDesignOpen(kernel)).toBe(isOpen));

test('a kernel that was asked is believed more than its release', () => {
  expect(olderDesign('4.18.0-553.el8_10.x86_64')?.portsWithAddresses).toBe(true);
  expect(olderDesign('4.18.0-553.el8_10.x86_64', CURRENT_DESIGN)).toBeUndefined();
  const asked = { ...CURRENT_DESIGN, readsHsr: false };
  expect([olderDesign('6.18.44', asked), designBy('custom', asked), designBy('custom')]).toEqual([asked, asked, undefined]);
});

test('only what differs from current kernels is told', () => {
  expect(olderDesign('6.18.44')).toBeUndefined();
  expect(olderDesign('custom')).toBeUndefined();
  const design = olderDesign('5.10.46');
  expect(design && designText(design)).toBe(
    'exchanges ports together with addresses, does not look behind tags of HSR and PRP and reads any PPPoE header',
  );
  const compressed = olderDesign('6.18.15');
  expect(compressed && designText(compressed)).toBe('reads compressed protocol numbers of PPPoE');
});

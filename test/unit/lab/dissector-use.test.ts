import { expect, test } from 'vitest';
import { refuseWithoutEffect } from '../../../src/lab/dissector-use.ts';

const probing = (c: boolean) => () => ({ bugs: { b: false, c, d: true } });

test.each([
  ['6.6.0', false],
  ['6.18.44', false],
  ['6.1.54', false],
  ['6.1.53', true],
  ['5.10.46', true],
  ['5.10.218', false],
  ['4.6.0', false],
])('%s: refused %s, whatever a probe would say', (kernel, isRefused) => {
  const refuse = () => refuseWithoutEffect(kernel, probing(!isRefused));
  if (isRefused) expect(refuse).toThrow(/would mend nothing/);
  else refuse();
});

test.each([
  ['5.14.0-503.el9.x86_64', true],
  ['no release at all', true],
  ['5.14.0-503.el9.x86_64', false],
  ['no release at all', false],
])('%s: asked, and it has the bug: %s', (kernel, hasIt) => {
  const refuse = () => refuseWithoutEffect(kernel, probing(hasIt));
  if (hasIt) expect(refuse).toThrow(/would mend nothing/);
  else refuse();
});

test('who cannot be asked is believed to be able: the proof tells', () => {
  expect(() => refuseWithoutEffect('no release at all', () => undefined)).not.toThrow();
});

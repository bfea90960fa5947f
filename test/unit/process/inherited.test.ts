import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ownDescriptors } from '../../../src/process/inherited.ts';

test('what is opened later is our own, until it is closed; what was open before is not', () => {
  const before = ownDescriptors();
  expect(before).not.toContain(0);
  const file = openSync('/proc/self/exe', 'r');
  expect(ownDescriptors()).toContain(file);
  closeSync(file);
  expect(ownDescriptors()).not.toContain(file);
});

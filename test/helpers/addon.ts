/** The addon as it was built last, for tests of its lab part. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Native } from '../../src/addon/native.ts';

export const ADDON_PATH = fileURLToPath(new URL('../../build/Release/fanout.node', import.meta.url));

export function loadLabAddon(): Native {
  return createRequire(import.meta.url)(ADDON_PATH) as Native;
}

/** What this kernel says of itself. */
import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import type { KernelIdentity } from '../model/kernel-release.ts';

export function hostKernel(): KernelIdentity {
  const signature = ubuntuSignature();
  return { release: release(), version: version(), ...(signature === undefined ? {} : { signature }) };
}

/** Ubuntu's kernels alone have it. */
function ubuntuSignature(): string | undefined {
  try {
    return readFileSync('/proc/version_signature', 'utf8').trim();
  } catch {
    return undefined;
  }
}

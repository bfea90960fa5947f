/** What the kernel says of its hash when it is asked, against what its release tells. */
import { expect } from 'vitest';
import { hostKernel } from '../../src/host/kernel.ts';
import { probeKernel } from '../../src/lab/kernel-probe.ts';
import { modelOf } from '../../src/model/kernel-model.ts';
import { parseKernelRelease } from '../../src/model/kernel-release.ts';
import { root, testWith } from '../helpers/requirements.ts';

const release = parseKernelRelease(hostKernel());
const tells =
  release === undefined ? { reason: 'this kernel tells no release', remedy: 'run it on a kernel whose release is a number' } : undefined;

testWith([root(), tells], 'a kernel that is asked says what its release tells', {}, () => {
  for (let i = 0; i < 5; i += 1) expect(probeKernel()).toEqual(release === undefined ? undefined : modelOf(release));
});

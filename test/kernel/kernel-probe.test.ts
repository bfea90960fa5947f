/** What the kernel says of its hash when it is asked, against what its release tells. */
import { expect } from 'vitest';
import { askedDesign } from '../../src/collector/run/provisions.ts';
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

testWith([root(), tells], 'a run asks a kernel whose release leaves it open, and no other', {}, async () => {
  const open = '4.18.0-553.el8_10.x86_64';
  const wanted = { askedDesign: release === undefined ? undefined : modelOf(release).design };
  expect(await askedDesign([{ mode: 'qm' }, { mode: 'hash' }], open)).toEqual(wanted);
  expect(await askedDesign([{ mode: 'qm' }], open)).toEqual({});
  expect(await askedDesign([{ mode: 'hash' }], '6.18.44')).toEqual({});
});

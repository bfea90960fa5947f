/** Whether a flow dissector can do anything for fanout on this kernel. */
import { FanoutError } from '../errors.ts';
import { hostKernel } from '../host/kernel.ts';
import { hasBugC, type KernelModel } from '../model/kernel-model.ts';
import { type KernelIdentity, kernelText, parseKernelRelease } from '../model/kernel-release.ts';
import { probeKernel } from './kernel-probe.ts';

/**
 * Kernels with bug C ask for the hash of fanout with a flag, as they do for the hash of the packet: a dissector that answers without one alone
 * changes nothing there.
 * @param kernel for tests, as `probe` is; else this host's
 * @throws where that is so: attached all the same, it would be a cure that does not help
 */
export function refuseWithoutEffect(
  kernel: string | KernelIdentity = hostKernel(),
  probe: () => Pick<KernelModel, 'bugs'> | undefined = probeKernel,
): void {
  const release = parseKernelRelease(kernel);
  const presence = release === undefined ? 'unknown' : hasBugC(release);
  if (presence === 'no' || (presence === 'unknown' && probe()?.bugs.c !== true)) return;
  throw new FanoutError(
    'PROGRAM_REFUSED',
    `this kernel (${kernelText(kernel)}) asks for the hash of fanout with a flag, as for much else, so that a flow dissector could not tell the two apart, and would mend nothing`,
    'update it (commit a5e2151ff9d5: 6.6, 6.5.4, 6.1.54, 5.15.132, 5.10.195), or use a steering program: mode ebpf, for Suricata `cure --ids suricata --write FILE`',
  );
}

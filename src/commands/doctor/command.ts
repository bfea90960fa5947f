/** `doctor`: whether the settings of an interface break the mode of the group that captures there. Sends nothing, and sets nothing. */
import type { Openings } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { Answer } from '../../nic/examine.ts';
import type { Host } from '../../process/host.ts';
import { askedOfHost, parsedAs, typedOrDeployed } from '../deployed/deployed.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import type { Read } from './doctor.ts';
import { DOCTOR_OPTIONS, type DoctorOptions, parseDoctorOptions } from './options.ts';
import { doctorBrief, doctorDocument } from './report.ts';
import type { DoctorResult } from './result.ts';

export const doctorCommand = commandSpec({
  name: 'doctor',
  summary: 'which settings of an interface break a mode, change the order or lose packets, and the command that mends each',
  options: DOCTOR_OPTIONS,
  exitStatuses: `Exit status: 0 nothing there breaks the mode, 1 something does, 2 usage, 3 not enough could be read to say, 4 cannot run,
70 defect of this tool.`,
  perform: async ({ typed }, host) => {
    const asked = await askedOfHost(typed, host);
    const options = host.parse((machine, files): DoctorOptions => {
      const { raw, added } = typedOrDeployed(typed, {
        command: 'doctor',
        isOnlyLookedAt: true,
        keys: DOCTOR_OPTIONS.keys,
        machine,
        files,
        ...asked,
      });
      return { ...parsedAs(added, () => parseDoctorOptions(raw, machine)), ...added };
    });
    const { answer } = await reported(options.output, host, openings(options), (read) => judged(options, read, host), {
      full: doctorDocument,
      brief: doctorBrief,
    });
    return STATUSES[answer];
  },
});

const STATUSES: Readonly<Record<Answer, ExitStatus>> = { ok: EXIT.yes, problem: EXIT.no, unknown: EXIT.inconclusive };

/** Counters that grow are read twice. */
const WAIT_MS = 1000;

/** All that is read is read while there are the privileges for it. */
function openings({ interface: named }: DoctorOptions): Openings<Read> {
  return {
    open: async () => {
      const [{ describe }, { readNicFacts }, { hostKernel }, { dateOf, HOST_CLOCK }] = await Promise.all([
        import('../../collector/source/live-interface.ts'),
        import('../../host/nic-facts.ts'),
        import('../../host/kernel.ts'),
        import('../../collector/group/clock.ts'),
      ]);
      const startedAt = dateOf(HOST_CLOCK).toISOString();
      const { name } = describe(named);
      return { facts: await readNicFacts(name, { waitMs: WAIT_MS }), kernel: hostKernel().release, startedAt };
    },
    handOver: (read) => ({ handover: read, descriptors: [] }),
    takeOver: async (handed) => handed as Read,
  };
}

async function judged(options: DoctorOptions, read: Read, { version }: Host): Promise<DoctorResult> {
  const [{ doctor }, { sampleHash }] = await Promise.all([import('./doctor.ts'), import('./samples.ts')]);
  return doctor(options, read, sampleHash(read.facts), version);
}

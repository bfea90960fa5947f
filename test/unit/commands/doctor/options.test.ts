import { describe, expect, test } from 'vitest';
import { parseDoctorOptions } from '../../../../src/commands/doctor/options.ts';
import { MACHINE } from '../../../helpers/machine.ts';

describe('doctor', () => {
  test('takes an interface, and what its group is', () => {
    expect(parseDoctorOptions({ interface: 'eth0' }, MACHINE)).toMatchObject({ interface: 'eth0', mode: 'hash', flags: [] });
    expect(parseDoctorOptions({ interface: 'eth0' }, MACHINE)).not.toHaveProperty('procs');
    const typed = { interface: 'eth0', mode: 'cluster_qm', procs: '8', defrag: true, rollover: true };
    expect(parseDoctorOptions(typed, MACHINE)).toMatchObject({ mode: 'qm', procs: 8, flags: ['rollover', 'defrag'] });
  });

  test.each([
    [{}, /no interface is named/],
    [{ interface: 'a b' }, /--interface/],
    [{ interface: 'eth0', mode: 'fastest' }, /--mode/],
    [{ interface: 'eth0', procs: '0' }, /--procs/],
    [{ interface: 'eth0', mode: 'rollover', rollover: true }, /EINVAL/],
  ])('%j is refused', (typed, message) => {
    expect(() => parseDoctorOptions(typed, MACHINE)).toThrow(message);
  });
});

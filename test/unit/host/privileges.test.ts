import { describe, expect, test } from 'vitest';
import { type Credentials, checkNothingIsLeft, NOBODY, privilegeOf } from '../../../src/host/privileges.ts';

const ALL_IDS = '         0          0 4294967295\n';
const ONLY_ROOT = '         0       1000          1\n';
const EVERYTHING = 0x1ffffffffffn;
const CAP_NET_RAW = 1n << 13n;
const CAP_SETUID = 1n << 7n;

const root: Credentials = { euid: 0, permitted: EVERYTHING, uidMap: ALL_IDS, gidMap: ALL_IDS };

describe('who a process becomes', () => {
  test.each<[string, Partial<Credentials>, NodeJS.ProcessEnv, ReturnType<typeof privilegeOf>]>([
    ['root, called by root', {}, {}, { kind: 'root', runAs: NOBODY, invoker: { uid: 0, gid: 0 } }],
    [
      'root, called through sudo',
      {},
      { SUDO_UID: '1000', SUDO_GID: '100' },
      { kind: 'root', runAs: { uid: 1000, gid: 100 }, invoker: { uid: 1000, gid: 100 } },
    ],
    [
      'root, called through pkexec',
      {},
      { PKEXEC_UID: '1001' },
      { kind: 'root', runAs: { uid: 1001, gid: 1001 }, invoker: { uid: 1001, gid: 1001 } },
    ],
    [
      'root, called through sudo by root',
      {},
      { SUDO_UID: '0', SUDO_GID: '0' },
      { kind: 'root', runAs: NOBODY, invoker: { uid: 0, gid: 0 } },
    ],
    ['half of what sudo says', {}, { SUDO_UID: '1000' }, { kind: 'root', runAs: NOBODY, invoker: { uid: 0, gid: 0 } }],
    ['no number', {}, { SUDO_UID: '-1', SUDO_GID: '1e3' }, { kind: 'root', runAs: NOBODY, invoker: { uid: 0, gid: 0 } }],
    // (uid_t)-1 means "leave it as it is" to setresuid(2): it must never come so far.
    ['the id that means none', {}, { SUDO_UID: '4294967295', SUDO_GID: '1' }, { kind: 'root', runAs: NOBODY, invoker: { uid: 0, gid: 0 } }],
    ['the root of a user namespace of its own', { uidMap: ONLY_ROOT, gidMap: ONLY_ROOT }, {}, { kind: 'capabilities' }],
    ['a user namespace that does not know the group', { gidMap: ONLY_ROOT }, {}, { kind: 'capabilities' }],
    ['root in a container without CAP_SETUID', { permitted: EVERYTHING & ~CAP_SETUID }, {}, { kind: 'capabilities' }],
    ['a user with a capability', { euid: 1000, permitted: CAP_NET_RAW }, {}, { kind: 'capabilities' }],
    ['a user', { euid: 1000, permitted: 0n }, {}, { kind: 'none' }],
    ['root without any capability', { permitted: 0n }, {}, { kind: 'none' }],
  ])('%s', (_, change, environment, privilege) => {
    expect(privilegeOf({ ...root, ...change }, environment)).toEqual(privilege);
  });
});

describe('a run does not begin while a thread', () => {
  const thread = (change: Readonly<Record<string, string>> = {}): string =>
    Object.entries({
      Name: 'node',
      Uid: '65534\t65534\t65534\t65534',
      Gid: '65534\t65534\t65534\t65534',
      Groups: ' ',
      NStgid: '7',
      CapInh: '0000000000000000',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: '000001ffffffffff',
      CapAmb: '0000000000000000',
      ...change,
    })
      .map(([name, value]) => `${name}:\t${value}\n`)
      .join('');

  test.each([
    ['can still be root', { Uid: '65534\t65534\t0\t65534' }, /Uid 65534\s+65534\s+0/],
    ['is in a group of root', { Gid: '65534\t0\t65534\t65534' }, /Gid/],
    ['has a further group', { Groups: '27 ' }, /groups 27/],
    ['has a capability', { CapPrm: '0000000000002000' }, /CapPrm 0000000000002000/],
    ['passes one on', { CapInh: '0000000000002000' }, /CapInh/],
    ['keeps one for the next program', { CapAmb: '0000000000002000' }, /CapAmb/],
  ])('%s', (_, change, why) => {
    expect(() => checkNothingIsLeft([thread(), thread(change)], NOBODY)).toThrow(why);
  });

  test('else it does', () => expect(() => checkNothingIsLeft([thread(), thread()], NOBODY)).not.toThrow());
});

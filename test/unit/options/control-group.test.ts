import { describe, expect, test } from 'vitest';
import { memoryLeftByGroups, tasksLeftByGroups } from '../../../src/options/control-group.ts';

const left = (files: Readonly<Record<string, string>>) => memoryLeftByGroups((path) => files[path]);

describe('version 2', () => {
  const files = {
    '/proc/self/cgroup': '0::/system.slice/ids.service\n',
    '/proc/self/mountinfo':
      '24 1 0:22 / / rw - ext4 /dev/vda rw\n31 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n',
    '/sys/fs/cgroup/system.slice/ids.service/memory.max': '1000\n',
    '/sys/fs/cgroup/system.slice/ids.service/memory.current': '700\n',
    '/sys/fs/cgroup/system.slice/ids.service/memory.stat': 'anon 300\ninactive_anon 9\nactive_file 30\ninactive_file 50\n',
  };
  const ofService = '/sys/fs/cgroup/system.slice/ids.service';

  test('the limit less what is used, but for pages of files', () => expect(left(files)).toBe(380));

  test('"max" is no limit, and neither is a file that is not there', () => {
    expect(left({ ...files, [`${ofService}/memory.max`]: 'max\n' })).toBe(Number.POSITIVE_INFINITY);
    expect(left({ '/proc/self/cgroup': files['/proc/self/cgroup'] })).toBe(Number.POSITIVE_INFINITY);
    expect(left({})).toBe(Number.POSITIVE_INFINITY);
  });

  test('a group above may leave less', () => {
    const slice = { '/sys/fs/cgroup/system.slice/memory.max': '5000\n', '/sys/fs/cgroup/system.slice/memory.current': '4900\n' };
    expect(left({ ...files, ...slice })).toBe(100);
  });

  test('memory.high counts as a limit: beyond it processes stand still', () => {
    expect(left({ ...files, [`${ofService}/memory.high`]: '800\n' })).toBe(180);
    expect(left({ ...files, [`${ofService}/memory.high`]: 'max\n' })).toBe(380);
  });

  test('one that is over its limit leaves nothing', () => expect(left({ ...files, [`${ofService}/memory.current`]: '2000\n' })).toBe(0));

  test('in a container that sees its own group as the root', () => {
    const own = {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': files['/proc/self/mountinfo'],
      '/sys/fs/cgroup/memory.max': '64\n',
      '/sys/fs/cgroup/memory.current': '4\n',
    };
    expect(left(own)).toBe(60);
    // Moved out of the group in which its namespace was made.
    expect(left({ ...own, '/proc/self/cgroup': '0::/../elsewhere\n' })).toBe(60);
  });
});

describe('version 1', () => {
  const files = {
    '/proc/self/cgroup': '9:name=systemd:/\n4:memory,hugetlb:/docker/abc\n1:cpu:/\n0::/\n',
    '/proc/self/mountinfo':
      '40 24 0:30 /docker/abc /sys/fs/cgroup/my\\040memory ro - cgroup cgroup rw,memory,hugetlb\n41 24 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n',
    '/sys/fs/cgroup/my memory/memory.limit_in_bytes': '1000\n',
    '/sys/fs/cgroup/my memory/memory.usage_in_bytes': '900\n',
    '/sys/fs/cgroup/my memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 200\ntotal_active_file 100\n',
  };

  test('where the mount begins at the own group', () => expect(left(files)).toBe(400));

  test('a number that no machine reaches is no limit', () => {
    const unlimited = { ...files, '/sys/fs/cgroup/my memory/memory.limit_in_bytes': '9223372036854771712\n' };
    expect(left(unlimited)).toBe(Number.POSITIVE_INFINITY);
  });

  test('beside version 2, whichever leaves less', () => {
    const both = {
      ...files,
      '/proc/self/mountinfo': `${files['/proc/self/mountinfo']}31 24 0:26 / /cg2 rw - cgroup2 none rw\n`,
      '/cg2/memory.max': '300\n',
      '/cg2/memory.current': '10\n',
    };
    expect(left(both)).toBe(290);
  });

  test('the whole path, where the mount shows it', () => {
    const whole = {
      ...files,
      '/proc/self/mountinfo': '40 24 0:30 / /cg rw - cgroup cgroup rw,memory\n',
      '/cg/docker/abc/memory.limit_in_bytes': '50\n',
      '/cg/docker/memory.limit_in_bytes': '40\n',
      '/cg/memory.limit_in_bytes': '9223372036854771712\n',
    };
    expect(left(whole)).toBe(40);
  });
});

test.each(['', '\0', '0::\n', '4:memory\n', '0::/a\n4:memory:/b\n'])('whatever stands in /proc (%j), it is a number', (text) => {
  expect(left({ '/proc/self/cgroup': text, '/proc/self/mountinfo': text })).toBe(Number.POSITIVE_INFINITY);
});

describe('tasks', () => {
  const tasksLeft = (files: Readonly<Record<string, string>>) => tasksLeftByGroups((path) => files[path]);
  const files = {
    '/proc/self/cgroup': '7:pids:/docker/abc\n0::/system.slice/ids.service\n',
    '/proc/self/mountinfo': '40 24 0:30 / /cg/pids rw - cgroup cgroup rw,pids\n31 24 0:26 / /cg/unified rw - cgroup2 cgroup2 rw\n',
  };

  test('of version 1, at the group and above: those that are there count', () => {
    const own = { ...files, '/cg/pids/docker/abc/pids.max': '100\n', '/cg/pids/docker/abc/pids.current': '30\n' };
    expect(tasksLeft(own)).toBe(70);
    expect(tasksLeft({ ...own, '/cg/pids/docker/pids.max': '50\n', '/cg/pids/docker/pids.current': '45\n' })).toBe(5);
    expect(tasksLeft({ ...own, '/cg/pids/docker/abc/pids.current': '130\n' })).toBe(0);
  });

  test('of version 2', () => {
    const own = { ...files, '/cg/unified/system.slice/pids.max': '64\n', '/cg/unified/system.slice/pids.current': '4\n' };
    expect(tasksLeft(own)).toBe(60);
  });

  test('"max", or no such file, is no limit', () => {
    expect(tasksLeft(files)).toBe(Number.POSITIVE_INFINITY);
    expect(tasksLeft({ ...files, '/cg/pids/docker/abc/pids.max': 'max\n' })).toBe(Number.POSITIVE_INFINITY);
  });
});

/** Which joins the kernel refuses: each case over the product's own join_group(), on sockets of every kind. */

import { release } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { isAtLeast, parseKernelRelease } from '../../src/model/kernel-release.ts';
import { BUILD_TIMEOUT_MS, buildNativeCases, runNativeCase } from '../helpers/native-cases.ts';
import { testWith } from '../helpers/requirements.ts';

const CASES: readonly (readonly [what: string, name: string])[] = [
  ['a socket without protocol cannot create a group', 'control_unbound_socket_cannot_create'],
  ['a socket without protocol cannot join a group that exists', 'control_unbound_socket_cannot_join'],
  ['mode rollover refuses the flag rollover', 'control_mode_rollover_with_flag_rollover'],
  ['a hash group refuses defrag, rollover and cpu, and takes hash', 'control_group_takes_only_its_like'],
  ['max_num_members: 65537 refused, 256 taken, then 257 refused, 256 and none taken', 'control_members_max'],
  ['unique ids: plain hash in getsockopt, joined by id, new each time, refused with an id', 'control_unique_id'],
  ['a member can join no other group, nor its own again', 'control_joined_socket_stays'],
];

// A name is matched as part of the case's name; "while down" must not run with the other.
const exactly = (name: string) => `${name}$`;

beforeAll(buildNativeCases, BUILD_TIMEOUT_MS);

describe('joining', () => {
  test.each(CASES)('%s', async (_, name) => expect(await runNativeCase(exactly(name))).toBe('1 cases, 0 failed checks'));

  const kernel = parseKernelRelease(release());
  const since613 =
    kernel !== undefined && isAtLeast(kernel, 6, 13) ? undefined : { reason: 'Linux before 6.13', remedy: 'boot a newer kernel' };
  testWith([since613], 'the same while the link is down, from Linux 6.13 on', {}, async () =>
    expect(await runNativeCase(exactly('control_group_takes_only_its_like_while_down'))).toBe('1 cases, 0 failed checks'),
  );
});

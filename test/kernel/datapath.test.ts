/** Known packets in, exact counts out: two members with rings of 20 frames that nobody empties, in every mode. */
import { beforeAll, describe, expect, test } from 'vitest';
import { BUILD_TIMEOUT_MS, buildNativeCases, runNativeCase } from '../helpers/native-cases.ts';
import { cpus, root, testWith } from '../helpers/requirements.ts';

const CASES = ['hash', 'hash_rollover', 'lb', 'rollover', 'cbpf', 'unique_id', 'cpu_0'];

const passes = async (name: string) => expect(await runNativeCase(`datapath_${name}$`)).toBe('1 cases, 0 failed checks');

beforeAll(buildNativeCases, BUILD_TIMEOUT_MS);

describe('two members of a group', () => {
  test.each(CASES)('%s', passes);
  testWith([cpus(2)], 'cpu_1', {}, () => passes('cpu_1'));
  testWith([root()], 'ebpf', {}, () => passes('ebpf'));
});

/** The object in the package, loaded by the calls of libbpf that Suricata makes for `ebpf-lb-file`. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { runProgram, temporaryDirectory } from '../helpers/programs.ts';
import { program, type Requirement, root, testWith } from '../helpers/requirements.ts';
import { ROOT } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

function libbpf(): Requirement | undefined {
  return existsSync('/usr/include/bpf/libbpf.h') ? undefined : { reason: 'no libbpf', remedy: 'apt-get install libbpf-dev' };
}

testWith([root(), program('g++'), libbpf()], 'the object loads, and steers a group', {}, async () => {
  const loader = join(scratch.path, 'load_as_suricata');
  execFileSync('g++', ['-std=c++20', '-O1', '-o', loader, join(ROOT, 'native/test/load_as_suricata.cpp'), '-lbpf']);
  const object = join(ROOT, 'native/steering/steer.bpf.o');
  const command = ['--net', '--', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', loader, object];
  const { stdout, stderr, code } = await runProgram('unshare', command);
  expect([code, stdout], stderr).toEqual([0, '2 maps\n']);
});

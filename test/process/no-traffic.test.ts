/** Nothing is captured: what the kernel says of the interface is told, and not guessed. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { compileBpf } from '../helpers/bpf.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, SENDER, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { run } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(runtime);
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(async () => {
  await sending?.stop();
  sending = undefined;
  removePair();
});

async function reasonOf(...args: readonly string[]) {
  const common = ['-n', '2', '--duration', '600ms', '--json', '--quiet'];
  const { status, stdout, stderr } = await run([...args, ...common], { env: { XDG_RUNTIME_DIR: runtime } });
  expect(stderr).toBe('');
  expect(status).toBe(3);
  const [reason] = (JSON.parse(stdout) as RunResult).verdict.reasons;
  return { code: reason?.code, message: reason?.message ?? '', remedy: reason?.remedy ?? '' };
}

test('an interface on which nothing comes: its own counter says so, and nothing that was not asked for is suspected', async () => {
  const { code, message, remedy } = await reasonOf('-i', CAPTURE);
  expect(code).toBe('no-traffic');
  expect(message).toContain(`${CAPTURE} received nothing meanwhile`);
  expect(remedy).toContain('mirror');
  expect(message + remedy).not.toMatch(/--filter|promisc/);
});

test('a filter that refuses everything', async () => {
  sending = send();
  const { message, remedy } = await reasonOf('-i', CAPTURE, '--filter', 'ip proto 254');
  expect(message).toMatch(/received [\d,]+ packets meanwhile, and none reached the packet sockets: --filter refused them all/);
  expect(remedy).toContain('run without --filter');
});

test('no carrier: the other end is down', async () => {
  ip('link', 'set', SENDER, 'down');
  const { message } = await reasonOf('-i', CAPTURE);
  expect(message).toContain(`${CAPTURE} has no carrier`);
});

test.each(['bridge', 'private'])('a macvlan in mode %s beside which all the traffic passes', async (mode) => {
  sending = send();
  ip('link', 'add', 'mv0', 'link', CAPTURE, 'type', 'macvlan', 'mode', mode);
  // In mode private with what every device says of itself when it comes up: packets, but none of the traffic.
  const silence = mode === 'bridge' ? ['addrgenmode', 'none', 'arp', 'off'] : [];
  ip('link', 'set', 'mv0', ...silence, 'up');
  try {
    const { message, remedy } = await reasonOf('-i', 'mv0');
    expect(message).toMatch(new RegExp(`a macvlan in mode ${mode}(, and that)? gets only frames for its own address`));
    expect(remedy).toContain('passthru');
  } finally {
    ip('link', 'del', 'mv0');
  }
});

test('--ignore-outgoing where everything is sent by this host: the flag is named first', async () => {
  sending = send();
  const { code, message, remedy } = await reasonOf('-i', SENDER, '--ignore-outgoing');
  expect(code).toBe('no-traffic');
  expect(message).toMatch(/this host sent [\d,]+ packets on \S+ meanwhile, and --ignore-outgoing leaves those out/);
  expect(remedy).toMatch(/^run without --ignore-outgoing/);
});

describe('XDP', () => {
  testWith([program('clang')], 'a program that drops everything, in the driver and in the stack', {}, async () => {
    const object = join(scratch.path, 'drop.o');
    await compileBpf('SEC("xdp") int drop(struct xdp_md *c) { return XDP_DROP; }', object);
    for (const hook of ['xdp', 'xdpgeneric']) {
      execFileSync('ip', ['link', 'set', 'dev', CAPTURE, hook, 'obj', object, 'sec', 'xdp']);
      const id = native.linkState(native.describeInterface(CAPTURE).index)?.xdp?.program;
      sending = send();
      const { message, remedy } = await reasonOf('-i', CAPTURE);
      await sending.stop();
      sending = undefined;
      expect(message).toContain(`XDP program ${id} is attached, which sees packets before any socket does`);
      // Followed literally, the advice works.
      const command = /"(ip link set dev \S+ \S+ off)"/.exec(remedy)?.[1] ?? '';
      execFileSync('sh', ['-c', command]);
      expect(native.linkState(native.describeInterface(CAPTURE).index)).not.toHaveProperty('xdp');
    }
  });
});

describe('what the kernel tells of a link', () => {
  test('kinds, counters, and that neither veth nor loopback spread anything by a hash', () => {
    const veth = native.linkState(native.describeInterface(CAPTURE).index);
    expect(veth).toMatchObject({ kind: 'veth', running: true });
    expect(veth).not.toHaveProperty('receiveRings');
    const lo = native.linkState(native.describeInterface('lo').index);
    expect(lo).not.toHaveProperty('kind');
    expect(lo).not.toHaveProperty('receiveRings');
    expect(lo).not.toHaveProperty('channels');
    for (const link of [veth, lo]) expect(link).not.toHaveProperty('isHardware');
    // A veth has queues that can be counted, and no hash that spreads over them.
    expect(veth).toMatchObject({ channels: { used: 1, isCombined: false } });
  });

  test('no such interface', () => expect(native.linkState(999_999)).toBe(null));
});

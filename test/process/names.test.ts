/** Names of interfaces that other programs take, or print: the device is found, or the error says what to name instead. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { run } from '../helpers/tool.ts';

const LONGEST = 'r'.repeat(127);
const NAMES = ['mon0', 'usb-capture-port-left-rack-4', 'ligne-de-capture-à-gauche', LONGEST];

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

const judge = (name: string, ...args: readonly string[]) =>
  run(['-i', name, '-n', '2', '--duration', '900ms', ...args, '--json', '--quiet'], { env: { XDG_RUNTIME_DIR: runtime } });

describe('an alternative name', () => {
  beforeEach(() => {
    for (const name of NAMES) ip('link', 'property', 'add', 'dev', CAPTURE, 'altname', name);
  });

  test('of any length leads to the device', () => {
    const { index } = native.describeInterface(CAPTURE);
    for (const name of [CAPTURE, ...NAMES]) expect(native.describeInterface(name)).toMatchObject({ index, name: CAPTURE });
  });

  test.each(['usb-capture-port-left-rack-4', LONGEST])('%s: the run is that of the device, with a filter too', async (name) => {
    sending = send();
    // tcpdump takes short names only.
    const { status, stdout, stderr } = await judge(name, '--filter', 'ip or ip6');
    expect([status, stderr]).toEqual([0, '']);
    const { source, verdict } = JSON.parse(stdout) as RunResult;
    expect([source.interface, verdict.answer]).toEqual([CAPTURE, 'yes']);
  });

  test('that no device has is named', async () => {
    for (const name of ['usb-capture-port-left-rack-5', 'r'.repeat(126)]) {
      const { status, stderr } = await judge(name);
      expect([status, stderr]).toEqual([4, expect.stringContaining(`there is no interface ${name} in this network namespace`)]);
    }
  });
});

test.each([
  ['any', /"any" is the word of tcpdump for all of them/, /name the interface that the IDS listens on/],
  [`${CAPTURE},gen0`, /a fanout group is on one interface/, new RegExp(`-i ${CAPTURE}.*bridge or bond`, 's')],
  [`${CAPTURE}@gen0`, /there is no interface cap0@gen0/, new RegExp(`use -i ${CAPTURE}`)],
  ['cap9', /there is no interface cap9/, /ip link/],
])('%s: says what to name', async (name, message, remedy) => {
  const { status, stderr } = await judge(name);
  expect(status).toBe(4);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(remedy);
});

test('a name that cannot be one', async () => {
  for (const name of ['r'.repeat(128), 'a/b', 'a b']) {
    const { status, stderr } = await judge(name);
    expect([status, stderr]).toEqual([2, expect.stringContaining('USAGE')]);
  }
});

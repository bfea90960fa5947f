/** `lint` as its users run it: by root, by sudo, by anybody; files that are there, and such as are not. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LintResult } from '../../src/commands/lint/result.ts';
import { GOOD } from '../helpers/deployments.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { run } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const at = (name: string) => join(scratch.path, name);
beforeAll(() => {
  chmodSync(scratch.path, 0o755);
  writeFileSync(at('good.yaml'), GOOD.suricata);
  writeFileSync(at('info.yaml'), GOOD.suricata.replace('cluster_flow', 'cluster_qm'));
  writeFileSync(at('bad.yaml'), GOOD.suricata.replace('cluster_flow', 'cluster_random'));
  writeFileSync(at('prose.txt'), 'Dear reader,\nall is well.\n');
});
afterAll(() => scratch.remove());

describe('exit status', () => {
  test.each([
    ['nothing found', ['good.yaml'], 0],
    ['a note', ['info.yaml'], 0],
    ['an error', ['good.yaml', 'bad.yaml'], 1],
    ['a file that is not there', ['bad.yaml', 'gone.yaml'], 2],
    ['a file that is no configuration', ['prose.txt'], 2],
    ['a device', ['/dev/zero'], 2],
    ['no file', [], 2],
  ])('%s: %j ends with %j', async (_, names, expected) => {
    const { status } = await run(['lint', ...names.map((name) => (name.startsWith('/') ? name : at(name)))]);
    expect(status).toBe(expected);
  });

  test('a pipe that nobody writes to is not waited for', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const { status, stdout } = await run(['lint', at('pipe')]);
    expect([status, stdout]).toEqual([2, expect.stringContaining('is a pipe')]);
  });
});

test('--json: one document, in the form that is promised', async () => {
  const { stdout } = await run(['lint', at('bad.yaml'), '--json']);
  const document: LintResult = JSON.parse(stdout);
  expect(document).toMatchObject({
    schema: 'fanout-cluster/lint@1',
    files: [{ file: at('bad.yaml'), kind: 'suricata', program: 'suricata', version: '8.0.6', versionFrom: 'assumed', result: 'groups' }],
    conflicts: [],
  });
  expect(document.files[0]?.findings).toMatchObject([{ rule: 'mode-splits-flows', severity: 'error', line: 8, column: 19 }]);
});

test('--sarif FILE', async () => {
  const { status } = await run(['lint', at('bad.yaml'), '--sarif', at('out.sarif'), '--quiet']);
  expect(status).toBe(1);
  expect(JSON.parse(readFileSync(at('out.sarif'), 'utf8'))).toMatchObject({
    version: '2.1.0',
    runs: [{ results: [{ ruleId: 'mode-splits-flows' }] }],
  });
});

test('--this-host knows the interfaces', async () => {
  const { status, stdout } = await run(['lint', at('good.yaml'), '--this-host']);
  expect([status, stdout]).toEqual([1, expect.stringContaining('interface-missing')]);
});

testWith([root()], 'nobody may lint, and reads what nobody may read', {}, async () => {
  writeFileSync(at('secret.yaml'), GOOD.suricata, { mode: 0o600 });
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
  expect((await run(['lint', at('good.yaml')], { by: nobody })).status).toBe(0);
  expect((await run(['lint', at('secret.yaml')], { by: nobody })).status).toBe(2);
});

testWith([root()], 'root reads no file for the owner of another', {}, async () => {
  mkdirSync(at('home'));
  writeFileSync(at('secret'), '%YAML 1.1\n---\npassword: xyzzy:\n  -\n', { mode: 0o600 });
  writeFileSync(at('home/main.yaml'), `%YAML 1.1\n---\ninclude: ${at('secret')}\n`);
  execFileSync('chown', ['-R', '1234:1234', at('home')]);
  const { status, stdout } = await run(['lint', at('home/main.yaml')]);
  expect([status, stdout]).toEqual([1, expect.stringMatching(/suricata-include-missing[\s\S]*EACCES/)]);
});

testWith([root()], 'root reads what only root may, and what lies behind a directory that only its group may enter', {}, async () => {
  mkdirSync(at('etc'), { mode: 0o700 });
  writeFileSync(at('etc/suricata.yaml'), GOOD.suricata, { mode: 0o600 });
  mkdirSync(at('sensor'), { mode: 0o750 });
  writeFileSync(at('sensor/suricata.yaml'), '%YAML 1.1\n---\ninclude: own.yaml\n', { mode: 0o640 });
  writeFileSync(at('sensor/own.yaml'), GOOD.suricata, { mode: 0o640 });
  execFileSync('chown', ['-R', '1234:1234', at('sensor')]);
  for (const name of ['etc/suricata.yaml', 'sensor/suricata.yaml']) {
    const { status, stdout } = await run(['lint', at(name)]);
    expect([name, status, stdout]).toEqual([name, 0, expect.stringContaining('1 group')]);
  }
});

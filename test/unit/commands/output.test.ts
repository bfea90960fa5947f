import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReportFile } from '../../../src/commands/output.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fanout-output-'));
  path = join(directory, 'run.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('writes a new file, and leaves nothing else', async () => {
  await openReportFile(path).commit('{}\n');
  expect(readFileSync(path, 'utf8')).toBe('{}\n');
  expect(readdirSync(directory)).toEqual(['run.json']);
});

test('the old content stays until the new one is complete', async () => {
  writeFileSync(path, 'old');
  const file = openReportFile(path);
  expect(readFileSync(path, 'utf8')).toBe('old');
  await file.commit('new');
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test('a discarded report leaves everything as it was', async () => {
  writeFileSync(path, 'old');
  openReportFile(path).discard();
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(directory)).toEqual(['run.json']);
});

test('keeps the mode of the file, and a link a link', async () => {
  writeFileSync(path, 'old');
  chmodSync(path, 0o600);
  const link = join(directory, 'latest.json');
  symlinkSync('run.json', link);
  await openReportFile(link).commit('new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).sort()).toEqual(['latest.json', 'run.json']);
});

test('writes to devices in place', async () => {
  await openReportFile('/dev/null').commit('{}');
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test.each([
  ['a missing directory', () => join(directory, 'nowhere', 'run.json'), /ENOENT/],
  ['a directory', () => directory, /it is a directory/],
  ['a file as directory', () => join('/dev/null', 'run.json'), /ENOTDIR/],
])('%s is found before the run', (_, unwritable, why) => {
  expect(() => openReportFile(unwritable())).toThrow(
    expect.objectContaining({ code: 'OUTPUT_UNWRITABLE', message: expect.stringMatching(why) }),
  );
});

test('a full disk is an error, not a verdict', async () => {
  const file = openReportFile('/dev/full');
  await expect(file.commit('{}')).rejects.toThrow(
    expect.objectContaining({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringMatching(/ENOSPC/),
      remedy: expect.stringContaining('make room'),
    }),
  );
});

test('a pipe that nobody reads is found before the run; one that somebody reads gets all, however slow', async () => {
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(() => openReportFile(pipe)).toThrow(
    expect.objectContaining({ code: 'OUTPUT_UNWRITABLE', message: expect.stringMatching(/nobody reads this pipe/) }),
  );
  const reader = spawn('sh', ['-c', 'sleep 0.2; wc -c'], {
    stdio: [openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK), 'pipe', 'inherit'],
  });
  const file = openReportFile(pipe);
  let counted = '';
  reader.stdout?.on('data', (data) => (counted += String(data)));
  const ended = new Promise((done) => reader.on('close', done));
  await file.commit('x'.repeat(300_000));
  await ended;
  expect(counted.trim()).toBe('300000');
});

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
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
import { native } from '../../../src/addon/native.ts';
import { openReportFile as openReport, type Waiting } from '../../../src/process/report-file.ts';

const PATIENT: Waiting = { signal: new AbortController().signal, limitMs: 10_000 };
const openReportFile = (path: string, waiting = PATIENT) => openReport(path, native, waiting);

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

test('a file has no name until all of it is there: nothing is left of a process that is killed', () => {
  const file = openReportFile(path);
  expect(readdirSync(directory)).toEqual([]);
  file.discard();
});

test('what does not take the report is waited for so long and no longer, and what is lost is said', async () => {
  // A terminal that was stopped (Ctrl-S) keeps a writer in write(2), as a file server does that has gone.
  const script = [
    'import os, pty, sys, termios',
    'master, slave = pty.openpty(); termios.tcflow(slave, termios.TCOOFF)',
    'print(os.ttyname(slave), flush=True); sys.stdin.read()',
  ].join('\n');
  const terminal = spawn('/usr/bin/python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [name] = (await once(terminal.stdout, 'data')) as [Buffer];
  const listeners = process.listenerCount('exit');
  const file = openReportFile(name.toString().trim(), { signal: new AbortController().signal, limitMs: 200 });
  await expect(file.commit('{}')).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: expect.stringMatching(/cannot write \/dev\/pts\/\d+: it was not written within 0\.2 s/),
  });
  // The thread hangs on, and Node.js would wait for it.
  expect(process.listenerCount('exit')).toBe(listeners + 1);
  const interrupt = new AbortController();
  const again = openReportFile(name.toString().trim(), { signal: interrupt.signal, limitMs: 60_000 }).commit('{}');
  setTimeout(() => interrupt.abort(), 50);
  await expect(again).rejects.toMatchObject({ message: expect.stringMatching(/before a signal came/) });
  terminal.stdin.end();
  await once(terminal, 'close');
  while (process.listenerCount('exit') > listeners) await new Promise((done) => setTimeout(done, 5));
});

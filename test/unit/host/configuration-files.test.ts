/** What may be read as a configuration, and with whose rights. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Ids } from '../../../src/addon/privileges.ts';
import { configurationFiles } from '../../../src/host/configuration-files.ts';
import { temporaryDirectory } from '../../helpers/programs.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());
const path = (name: string) => join(scratch.path, name);
const mine = configurationFiles({ asInvoker: (work) => work() });

describe('refused, with what it is', () => {
  test.each<[string, (at: string) => void, RegExp]>([
    ['nothing', () => {}, /cannot read .*ENOENT/],
    ['a directory', (at) => mkdirSync(at), /is a directory/],
    ['a pipe', (at) => execFileSync('mkfifo', [at]), /is a pipe/],
    ['a device', (at) => symlinkSync('/dev/zero', at), /is no regular file/],
    ['a link to itself', (at) => symlinkSync(at, at), /ELOOP/],
    [
      'a large file',
      (at) => {
        writeFileSync(at, '');
        truncateSync(at, 100 * 2 ** 20);
      },
      /has more than 4 MiB/,
    ],
    ['bytes that are no text', (at) => writeFileSync(at, 'a\0b'), /there is a NUL in it/],
  ])('%s', (name, make, message) => {
    const at = path(`bad ${name}`);
    make(at);
    expect(() => mine.read(at)).toThrow(message);
  });
});

test('a file beside another is read, and the other itself is not one', () => {
  writeFileSync(path('node.cfg'), '[a]\n');
  writeFileSync(path('zeekctl.cfg'), 'a = b\n');
  mine.read(path('node.cfg'));
  expect(mine.neighbour('zeekctl.cfg', path('node.cfg'))?.text).toBe('a = b\n');
  expect(mine.neighbour('node.cfg', path('node.cfg'))).toBeUndefined();
  expect(mine.neighbour('broctl.cfg', path('node.cfg'))).toBeUndefined();
});

describe('called by root itself', () => {
  const used: Ids[] = [];
  const asRoot = configurationFiles({
    asInvoker: (work) => work(),
    asOwner: (owner, work) => {
      used.push(owner);
      return work();
    },
  });
  const owner = (uid: number): Ids => expect.objectContaining({ uid }) as Ids;
  const isRoot = process.getuid?.() === 0;

  test.runIf(isRoot)('what a file of somebody else includes is read as that user', () => {
    const theirs = path('theirs');
    mkdirSync(theirs);
    execFileSync('chown', ['1234:1234', theirs]);
    writeFileSync(join(theirs, 'main'), 'x');
    writeFileSync(path('other'), 'y');
    used.length = 0;
    asRoot.read(join(theirs, 'main'));
    asRoot.include(path('other'), join(theirs, 'main'));
    // Root finds the way.
    expect(used).toEqual([owner(0), owner(1234), owner(1234)]);
  });

  test.runIf(isRoot)('what a file that all may write includes is read as nobody', () => {
    writeFileSync(path('open'), 'x');
    chmodSync(path('open'), 0o666);
    writeFileSync(path('other2'), 'y');
    used.length = 0;
    asRoot.read(path('open'));
    asRoot.include(path('other2'), path('open'));
    expect(used).toEqual([owner(0), owner(0), owner(65534)]);
  });

  test.runIf(isRoot)('no link of somebody else leads root anywhere', () => {
    const theirs = path('links');
    mkdirSync(theirs);
    symlinkSync('/etc/shadow', join(theirs, 'suricata.yaml'));
    execFileSync('chown', ['-h', '1234:1234', theirs, join(theirs, 'suricata.yaml')]);
    expect(() => asRoot.read(join(theirs, 'suricata.yaml'))).toThrow(/root follows none there/);
  });
});

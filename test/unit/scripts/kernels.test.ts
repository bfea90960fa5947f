/** What `npm run kernels` reads and writes by itself: apt's sources, a first file system, and rows of its tables. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../../helpers/programs.ts';
import { ROOT } from '../../helpers/tool.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

/** Scripts have no types. */
async function script<T>(name: string): Promise<T> {
  return (await import(join(ROOT, 'scripts/kernels', name))) as T;
}

describe('the mirror of this machine', async () => {
  const { mirrorOf } = await script<{ mirrorOf: (texts: readonly string[]) => string }>('packages.mjs');

  test('in one line for each source', () => {
    const text = `# deb http://old.example/debian bookworm main
deb http://apt.example/tools stable main
deb-src http://src.example/debian bookworm main
deb [arch=amd64 signed-by=/a.gpg] http://mirror.example/debian bookworm main contrib
`;
    expect(mirrorOf([text])).toBe('http://mirror.example/debian');
  });

  test('in paragraphs', () => {
    const text = `Types: deb
# a comment between the fields
URIs: http://apt.example/tools
Suites: stable

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm-updates
 trixie
Components: main
`;
    expect(mirrorOf(['deb http://apt.example/tools stable main\n', text])).toBe('http://mirror.example/debian');
  });

  test('is none of a distribution that has no such suite', () => {
    expect(() => mirrorOf(['deb http://mirror.example/ubuntu noble main\n'])).toThrow(/no apt source/);
  });
});

describe('a kernel that is built here', async () => {
  const { applyPatch, restore } = await script<{
    applyPatch: (tree: string, name: string, text: string, version: string) => void;
    restore: (tree: string) => void;
  }>('build.mjs');
  const patch = '--- a/net/hash.c\n+++ b/net/hash.c\n@@ -1,3 +1,3 @@\n one\n-two\n+a bug\n three\n';
  const [plain, patched] = ['one\ntwo\nthree\n', 'one\na bug\nthree\n'];

  function treeWith(text: string): { readonly tree: string; readonly content: () => string } {
    const tree = mkdtempSync(join(scratch.path, 'tree-'));
    mkdirSync(join(tree, 'net'));
    writeFileSync(join(tree, 'net/hash.c'), text);
    return { tree, content: () => readFileSync(join(tree, 'net/hash.c'), 'utf8') };
  }

  test('has its patches, and its source is as it was for the next one', () => {
    const { tree, content } = treeWith(`zero\n${plain}`);
    applyPatch(tree, 'bug.patch', patch, 'linux-source-1_1.2');
    expect(content()).toBe(`zero\n${patched}`);
    restore(tree);
    expect(content()).toBe(`zero\n${plain}`);
    applyPatch(tree, 'bug.patch', patch, 'linux-source-1_1.2');
    expect(content()).toBe(`zero\n${patched}`);
  });

  test.each([
    ['lines that differ', 'one\nmended already\nthree\n'],
    ['lines around them that differ', 'one\ntwo\nfour\n'],
    ['the patch itself', patched],
  ])('is not built of a source with %s', (_, text) => {
    const { tree, content } = treeWith(text);
    expect(() => applyPatch(tree, 'bug.patch', patch, 'linux-source-1_1.2')).toThrow(
      /^bug\.patch does not apply to linux-source-1_1\.2: [\s\S]*write it anew for this version in .*source$/,
    );
    expect(content()).toBe(text);
  });

  test('is not built of a source without the file', () => {
    expect(() => applyPatch(scratch.path, 'bug.patch', patch, 'linux-source-1_1.2')).toThrow(/has no net\/hash\.c$/);
  });
});

describe('what a kernel must do', async () => {
  const { unmetBy } = await script<{
    unmetBy: (cells: ReadonlyMap<string, string>, kernel: { traits: readonly string[] }) => readonly { readonly row: string }[];
  }>('rows.mjs');
  const bugs = ['A', 'B', 'C'].map((bug) => `bug${bug}`);
  const answers = ['YES', ...['a', 'b', 'c'].map((bug) => `NO known-bug-${bug}`), 'NO hash-asymmetric'];

  test.each([undefined, ...bugs])('with %s the lab names it, and nothing else', (bug) => {
    const met = answers.filter(
      (answer) => unmetBy(new Map([['the lab, as root', answer]]), { traits: bug === undefined ? [] : [bug] }).length === 0,
    );
    expect(met).toEqual([bug === undefined ? 'YES' : `NO known-bug-${bug.at(-1)?.toLowerCase()}`]);
  });

  test('bug D is seen in the tunnels that it hits, unless it was mended', () => {
    const cells = (cell: string) => new Map([['4in6-ipv4-tcp, hash', cell]]);
    for (const traits of [[], ['noBugD']])
      expect(['kept', 'split (known-bug-d)'].map((cell) => unmetBy(cells(cell), { traits }).length)).toEqual(
        traits.length === 0 ? [1, 0] : [0, 1],
      );
  });
});

test('a first file system holds files at their paths, folders, and the first program', async () => {
  const { initramfs } = await script<{ initramfs: (content: { init: string; files: readonly string[] }) => Buffer }>('initramfs.mjs');
  const folder = join(scratch.path, 'tree', 'deep');
  mkdirSync(folder, { recursive: true });
  const files = ['a', 'some-more'].map((name) => join(folder, name));
  files.forEach((file, i) => {
    writeFileSync(file, 'x'.repeat(i + 1), { mode: 0o755 });
  });
  const init = join(scratch.path, 'init');
  writeFileSync(init, 'first');
  const entries = unpack(initramfs({ init, files: [join(scratch.path, 'tree')] }));
  expect(entries.get('init')).toEqual({ mode: 0o100755, text: 'first' });
  files.forEach((file, i) => {
    expect(entries.get(file.slice(1))).toEqual({ mode: 0o100755, text: 'x'.repeat(i + 1) });
  });
  // The kernel makes no folder by itself: each comes before what is in it.
  const names = [...entries.keys()];
  expect(entries.get(folder.slice(1))?.mode).toBe(0o040755);
  expect(names.indexOf(folder.slice(1))).toBeLessThan(names.indexOf(`${folder}/a`.slice(1)));
  expect(names).toContain('proc');
});

/** By the fields of Documentation/driver-api/early-userspace/buffer-format.rst. */
function unpack(archive: Buffer): ReadonlyMap<string, { readonly mode: number; readonly text: string }> {
  const entries = new Map<string, { mode: number; text: string }>();
  const aligned = (at: number): number => Math.ceil(at / 4) * 4;
  for (let at = 0; at < archive.length; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index: number): number => Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('latin1', at + 110, at + 110 + nameSize - 1);
    if (name === 'TRAILER!!!') return entries;
    const body = aligned(at + 110 + nameSize);
    entries.set(name, { mode, text: archive.toString('latin1', body, body + size) });
    at = aligned(body + size);
  }
  throw new Error('the archive has no end');
}

describe('rows', async () => {
  type Rows = {
    readonly cellsOf: (records: readonly unknown[]) => ReadonlyMap<string, string>;
    readonly unmetBy: (cells: ReadonlyMap<string, string>, kernel: { traits: readonly string[] }) => readonly { row: string }[];
  };
  const { cellsOf, unmetBy } = await script<Rows>('rows.mjs');
  const cell = (outcome: string, cause?: string) => ({
    class: 'top-bit-ipv4-tcp',
    mode: 'hash',
    flags: [],
    outcome,
    ...(cause === undefined ? {} : { cause }),
  });
  const matrix = (outcome: string, cause?: string) => cellsOf([{ step: 'matrix', status: 0, report: { cells: [cell(outcome, cause)] } }]);

  test('a kernel must have the bugs it is known for, and no others', () => {
    const parted = matrix('split', 'known-bug-b');
    expect([...parted]).toEqual([['top-bit-ipv4-tcp, hash', 'split (known-bug-b)']]);
    expect(unmetBy(parted, { traits: ['bugB'] })).toEqual([]);
    expect(unmetBy(parted, { traits: [] })).toHaveLength(1);
    expect(unmetBy(matrix('kept'), { traits: ['bugB'] })).toHaveLength(1);
    expect(unmetBy(matrix('split', 'known-bug-a'), { traits: ['bugB'] })).toHaveLength(1);
  });

  test('a step that failed, and so has no rows, is one that is not as it must be', () => {
    for (const record of [
      { step: 'matrix', status: 2, stderr: '' },
      { step: 'facts', status: 1 },
      { step: 'load-tun', status: 1 },
    ])
      expect(unmetBy(cellsOf([record]), { traits: [] })).toHaveLength(1);
    expect([
      ...cellsOf([
        { step: 'kernel', release: '5.10.46' },
        { step: 'load-tun', status: 0 },
      ]),
    ]).toEqual([]);
  });

  test('a defect of the tool, an error and a death are told as such', () => {
    const text = (record: object) => [...cellsOf([{ step: 'lab', status: 70, ...record }]).values()];
    expect(text({ stderr: 'fanout-cluster: this is a defect of the tool, not a verdict.' })).toEqual(['defect (70)']);
    expect(text({ status: 4, stderr: 'noise\nfanout-cluster: NO_PROC: no\n' })).toEqual(['NO_PROC (4)']);
    expect(text({ status: null, signal: 'SIGKILL' })).toEqual(['ended by SIGKILL']);
  });
});

test('every kernel of the table has a name of its own, and docs/kernels.md has its place for the tables', () => {
  const names = execFileSync(process.execPath, ['scripts/kernels.mjs', '--list'], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.split('\t')[0]);
  expect(new Set(names).size).toBe(names.length);
  expect(readFileSync(join(ROOT, 'docs/kernels.md'), 'utf8')).toMatch(/<!-- begin of what [\s\S]*<!-- end of what /);
});

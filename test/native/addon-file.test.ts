/** What the addon is made of, as it lies there: how it is to be loaded, and what a defect in memory would meet. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';

const ROOT = packageRoot();
const ADDON = join(ROOT, 'build', 'Release', 'fanout.node');
const readelf = (...options: readonly string[]): string =>
  execFileSync('readelf', ['--wide', ...options, ADDON], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });

describe('loading', () => {
  const dynamic = readelf('--dynamic');
  const segments = readelf('--segments');

  test('all addresses are resolved at once, and cannot be changed afterwards', () => {
    expect(dynamic).toMatch(/\(FLAGS\) .*BIND_NOW/);
    expect(segments).toMatch(/^ +GNU_RELRO /m);
  });

  test('no memory is writable and executable, the stack neither', () => {
    expect(segments).toMatch(/^ +GNU_STACK .* RW +0x/m);
    expect(segments).toMatch(/^ +LOAD .* R E +0x/m);
    expect(segments).not.toMatch(/ RWE +0x/);
  });

  test('libraries of the system, found where the system has them', () => {
    const needed = [...dynamic.matchAll(/\(NEEDED\) +Shared library: \[([^\]]+)\]/g)].map(([, name]) => name);
    expect(needed).toContain('libc.so.6');
    // The loader itself is named where thread-local storage is used, by some linkers.
    const known = ['libstdc++.so.6', 'libgcc_s.so.1', 'libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'];
    expect(needed.filter((name) => !known.includes(name ?? ''))).toEqual([]);
    expect(dynamic).not.toMatch(/\((?:RPATH|RUNPATH)\)/);
  });
});

describe('symbols', () => {
  const symbols = readelf('--dyn-syms')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length >= 8)
    .map(([, , , type, bind, , section, name = '']) => ({ type, bind, section, name: name.split('@', 1)[0] ?? '' }));
  const imported = symbols.filter(({ section }) => section === 'UND').map(({ name }) => name);

  test('a broken stack is noticed, and so is a write beyond what the compiler knows of', () => {
    expect(imported).toContain('__stack_chk_fail');
    expect(imported.filter((name) => /^__\w+_chk$/.test(name))).not.toEqual([]);
  });

  test('nothing is exported but what Node asks for', () => {
    const exported = symbols.filter(({ section, bind }) => section !== 'UND' && bind === 'GLOBAL').map(({ name }) => name);
    expect(exported.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
});

test('nothing tells where it was built', () => {
  expect(readFileSync(ADDON).includes(ROOT)).toBe(false);
});

describe('every object is compiled with', () => {
  const flags = execFileSync('sh', [join(ROOT, 'native', 'flags.sh'), process.arch], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const makefiles = ['fanout_core', 'fanout'].map((target) => readFileSync(join(ROOT, 'build', `${target}.target.mk`), 'utf8'));

  test.each(flags)('%s', (flag) => {
    for (const text of makefiles) expect(text.split('\n').map((line) => line.replace(/ \\$/, '').trim())).toContain(flag);
  });

  if (process.arch === 'x64')
    test('a mark where an indirect jump may arrive', () => {
      const code = execFileSync('objdump', ['--disassemble', '--no-show-raw-insn', ADDON], { encoding: 'utf8', maxBuffer: 1 << 28 });
      expect(code.match(/\bendbr64\b/g)?.length ?? 0).toBeGreaterThan(100);
    });
});

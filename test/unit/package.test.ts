/** What is published, and what it is made of: all that installing and running take, and nothing else. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';

const ROOT = packageRoot();
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)));

/** Without the scripts of the package: they would build dist/ anew under the feet of other tests. */
const packed = (() => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ files }]: [{ files: { path: string; mode: number }[] }] = JSON.parse(output);
  return files;
})();
const paths = packed.map(({ path }) => path);

describe('the package', () => {
  const NATIVE = ['native/core', 'native/lab', 'native/host', 'native/binding'];
  const STEERING = 'native/steering/steer.bpf.o';

  test('holds all that the addon is built from, what was bundled, and the documents', () => {
    const bundled = filesBelow('dist').filter((path) => !path.endsWith('.map'));
    const fixed = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'binding.gyp',
      'package.json',
      'native/flags.sh',
      STEERING,
      'npm-shrinkwrap.json',
    ];
    expect(bundled).toEqual(expect.arrayContaining(['dist/cli.js', 'dist/worker.cjs', 'dist/THIRD-PARTY-LICENSES.txt']));
    expect(paths.toSorted()).toEqual([...fixed, ...bundled, ...[...NATIVE, 'docs'].flatMap(filesBelow)].sort());
  });

  test('has in dist/ what src/ gives', async () => {
    const bundles: { staleBundles: () => Promise<readonly string[]> } = await import(join(ROOT, 'scripts/bundles.mjs'));
    expect(await bundles.staleBundles(), 'build first: npm run build').toEqual([]);
  });

  test('holds sources, scripts and texts, and one BPF object', () => {
    const known =
      /^(?:dist\/(?:cli|chunk-[A-Z0-9]{8})\.js(?:\.LEGAL\.txt)?|dist\/worker\.cjs|dist\/THIRD-PARTY-LICENSES\.txt|native\/flags\.sh|native\/steering\/steer\.bpf\.o|native\/(?:\w+\/)+\w+\.[ch]pp|docs\/(?:contributing\/)?[a-z-]+\.md|docs\/examples\/[a-z-]+\.bpf\.c|[A-Z]+(?:\.md)?|binding\.gyp|package\.json|npm-shrinkwrap\.json)$/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
  });

  test('builds with files that it holds', () => {
    const named = read('binding.gyp').match(/native\/[\w./]+/g) ?? [];
    expect(named).not.toEqual([]);
    // Folders, and files in them.
    for (const path of named)
      expect(paths.some((file) => file === path || file.startsWith(path.endsWith('/') ? path : `${path}/`))).toBe(true);
  });

  test('is started by a file that can be executed, and loads no other module than Node has, or it holds', () => {
    expect(packed.find(({ path }) => path === 'dist/cli.js')?.mode.toString(8)).toBe('755');
    const bundles = paths.filter((path) => /^dist\/.*\.c?js$/.test(path));
    const imported = bundles.flatMap((path) => [
      ...read(path).matchAll(/^(?:import|export)\b[^'"\n;]*\bfrom *["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/gm),
    ]);
    const modules = new Set(imported.map(([, fixed, loaded]) => fixed ?? loaded ?? ''));
    expect(modules.size).toBeGreaterThan(20);
    const own = [...modules].filter((name) => name.startsWith('./')).map((name) => `dist/${name.slice(2)}`);
    expect(own.filter((path) => !paths.includes(path))).toEqual([]);
    expect([...modules].filter((name) => !name.startsWith('./') && !isBuiltin(name))).toEqual([]);
  });

  test('has nothing of a helper that closes a file by its number long after it was opened', () => {
    expect(paths.filter((path) => /\.js$/.test(path) && /isNonGlibcLinux|familyFromFilesystem/.test(read(path)))).toEqual([]);
  });

  test('names the licence of everything bundled', () => {
    const licenses = read('dist/THIRD-PARTY-LICENSES.txt');
    for (const name of ['commander', 'execa', 'js-yaml', 'luaparse', 'msgpackr'])
      expect(licenses).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, 'm'));
    expect(licenses).toContain('Copyright (c)');
  });
});

describe('dependencies', () => {
  interface Locked {
    readonly version?: string;
    readonly integrity?: string;
    readonly link?: boolean;
    readonly dev?: boolean;
    readonly hasInstallScript?: boolean;
  }
  const { packages }: { packages: Record<string, Locked> } = JSON.parse(read('npm-shrinkwrap.json'));
  const locked = Object.entries(packages).filter(([path]) => path !== '');
  const declared: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = JSON.parse(read('package.json'));

  test('each is named with its one version, and has its reason in docs/architecture.md', () => {
    const all = { ...declared.dependencies, ...declared.devDependencies };
    const reasons = read('docs/architecture.md').split('## Dependencies')[1] ?? '';
    for (const [name, version] of Object.entries(all)) {
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(reasons).toContain(name);
    }
  });

  // By its name alone npx(1) runs whatever somebody has registered under it, and with sudo as root.
  test('no document tells anybody to run this program by its name alone', () => {
    const documents = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs')].filter((path) => path.endsWith('.md'));
    expect(documents.filter((path) => /\bnpx\b|\bnpm exec\b/.test(read(path)))).toEqual([]);
  });

  test('each is locked to its content, for those too who install the package', () => {
    expect(paths).toContain('npm-shrinkwrap.json');
    expect(locked.filter(([, { integrity, link }]) => link === true || !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual([]);
  });

  test('few run code of theirs when they are installed, and none of those that are installed with the package', () => {
    const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.filter(([, { dev }]) => dev !== true)).toEqual([]);
    expect(scripted.map(([path]) => path).sort()).toEqual(['node_modules/esbuild', 'node_modules/msgpackr-extract']);
  });
});

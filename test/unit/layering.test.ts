/** The import graph of src/ has one direction, and each outside package one place. docs/architecture.md draws it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

interface Import {
  readonly from: string;
  /** Relative to src/, or a package. */
  readonly to: string;
}

const imports: readonly Import[] = files.flatMap((from) =>
  [...readFileSync(join(SRC, from), 'utf8').matchAll(/(?:from |import\()'([^']+)'/g)].map(([, target = '']) => ({
    from,
    to: target.startsWith('.') ? relative(SRC, join(SRC, dirname(from), target)) : target,
  })),
);

/** From the bottom to the top: a file may import from its own row and from rows below. */
const ROWS: readonly (readonly string[])[] = [
  ['model', 'errors.ts', 'package-root.ts', 'worker-descriptors.ts'],
  ['native.ts', 'native-lab.ts'],
  ['protocol', 'config', 'lab', 'host', 'capture-file'],
  ['worker', 'collector'],
  ['commands'],
  ['cli.ts'],
  ['start.ts'],
];

function place(file: string): string {
  return file.split(posix.sep)[0] ?? file;
}
function row(file: string): number {
  return ROWS.findIndex((names) => names.includes(place(file)));
}

const inside = imports.filter(({ to }) => to.endsWith('.ts'));

test('every file has a row', () => {
  expect(files.filter((file) => row(file) < 0)).toEqual([]);
  expect(inside.length).toBeGreaterThan(100);
});

test('imports never point upwards', () => {
  expect(inside.filter(({ from, to }) => row(to) > row(from))).toEqual([]);
});

test('worker and collector know each other only through the protocol', () => {
  const pair = ['worker', 'collector'];
  expect(inside.filter(({ from, to }) => pair.includes(place(from)) && pair.includes(place(to)) && place(from) !== place(to))).toEqual([]);
});

test.each([
  ['msgpackr', ['protocol/codec.ts']],
  ['execa', ['collector/supervisor.ts', 'host/programs.ts', 'host/self.ts', 'lab/namespace.ts', 'lab/network.ts']],
])('%s is imported only in %j', (name, places) => {
  expect([...new Set(imports.filter(({ to }) => to === name).map(({ from }) => from))].sort()).toEqual(places);
});

test('commander is imported only by the command line', () => {
  const places = imports.filter(({ to }) => to === 'commander').map(({ from }) => from);
  expect(places.length).toBeGreaterThan(3);
  expect(places.filter((file) => file !== 'cli.ts' && !/^commands\/[\w-]+\.ts$/.test(file))).toEqual([]);
});

describe('pure files import nothing that touches the machine', () => {
  const pure = [
    /^model\//,
    /^collector\/(judge|diagnose|doubts|confidence|luck|icmp-errors|unspread|accounting|matrix-cells|prediction|recommend|ids-lines|churn-events|race-findings|scale-advice|scale-doubts|summary|examples|no-traffic|loss-remedies)\.ts$/,
    /^collector\/report\//,
    /^config\/(options|steerings|matrix-options|compare-options|churn-options|race-options|scale-options|predict-options|values|cbpf)\.ts$/,
    /^protocol\/(schema|framing)\.ts$/,
    /^lab\/(?!namespace|network)/,
    /^capture-file\/(findings|use)\.ts$/,
  ];
  test.each(pure.map((pattern) => [pattern]))('%s', (pattern) => {
    const matching = files.filter((file) => pattern.test(file));
    expect(matching).not.toEqual([]);
    expect(imports.filter(({ from, to }) => matching.includes(from) && to.startsWith('node:'))).toEqual([]);
  });
});

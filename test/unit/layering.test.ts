/** The graphs of src/ and native/ have one direction, and each outside package one place. docs/architecture.md draws them. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** What to do about a failure: this file is the only place that knows the rooms. */
const MEND_ROWS = 'give each of these files a room of ROWS in test/unit/layering.test.ts, and a new room a row in docs/architecture.md';
const MEND_IMPORTS =
  'move what these files import to a row below them, or hand it to them as an argument (ROWS in test/unit/layering.test.ts)';

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

/** From the bottom to the top: a file may import from its own room and row, and from rows below. */
const ROWS: readonly (readonly string[])[] = [
  ['model', 'errors.ts', 'package-root.ts', 'worker-descriptors.ts'],
  ['addon'],
  ['traffic', 'protocol', 'deployment', 'nic'],
  ['host', 'lab', 'capture-file'],
  ['options'],
  ['collector/verdict', 'collector/words', 'collector/report'],
  ['collector/source'],
  ['collector/processes', 'worker'],
  ['collector/group'],
  ['collector/run'],
  ['process'],
  ['commands'],
  ['cli.ts'],
  ['start.ts'],
];

/** The collector is a process of several rooms. */
function place(file: string): string {
  const [first = '', second = ''] = file.split(posix.sep);
  return first === 'collector' ? `${first}/${second}` : first;
}
function row(file: string): number {
  return ROWS.findIndex((names) => names.includes(place(file)));
}

const inside = imports.filter(({ to }) => to.endsWith('.ts'));

test('every file has a row', () => {
  expect(
    files.filter((file) => row(file) < 0),
    MEND_ROWS,
  ).toEqual([]);
  expect(inside.length).toBeGreaterThan(100);
});

test('imports never point upwards', () => {
  expect(
    inside.filter(({ from, to }) => row(to) > row(from)),
    MEND_IMPORTS,
  ).toEqual([]);
});

test('worker and collector know each other only through the protocol', () => {
  const side = (file: string) => ['worker', 'collector'].find((name) => file.startsWith(`${name}/`));
  expect(
    inside.filter(({ from, to }) => side(from) !== undefined && side(to) !== undefined && side(from) !== side(to)),
    'put what both need into src/protocol or src/model',
  ).toEqual([]);
});

test('whatever judges knows no words', () => {
  expect(inside.filter(({ from, to }) => from.startsWith('collector/verdict/') && to.startsWith('collector/words/'))).toEqual([]);
});

test('a command knows no other', () => {
  const isCommand = (name: string) => files.includes(`commands/${name}/command.ts`);
  const room = (file: string) => [/^commands\/([\w-]+)\//.exec(file)?.[1]].find((name) => name !== undefined && isCommand(name));
  expect(
    inside.filter(
      ({ from, to }) => from !== 'commands/registry.ts' && room(from) !== undefined && room(to) !== undefined && room(from) !== room(to),
    ),
    'put what two commands need into src/commands itself, into a folder that is no command, or below',
  ).toEqual([]);
});

test.each([
  ['commander', ['cli.ts', 'commands/declare.ts']],
  ['msgpackr/pack', ['protocol/codec.ts']],
  ['js-yaml', ['deployment/suricata/tree.ts', 'deployment/yaml-values.ts']],
  ['luaparse', ['deployment/snort/lua.ts']],
  // It has a file closed in a thread, by a number that may be another's by then.
  ['msgpackr', []],
  ['execa', ['collector/processes/supervisor.ts', 'host/programs.ts', 'lab/namespace.ts', 'lab/network.ts', 'process/self.ts']],
])('%s is imported only in %j', (name, places) => {
  expect(
    [...new Set(imports.filter(({ to }) => to === name).map(({ from }) => from))].sort(),
    `import ${name} there only, or name the new place in this table of test/unit/layering.test.ts`,
  ).toEqual(places);
});

test('collector and commands have their time from one clock, which the simulation replaces', () => {
  const ownTime =
    /from '(?:node:)?timers|\b(?:setTimeout|setInterval|setImmediate)\b|\bperformance\.|\bhrtime\b|\bDate\.now\b|\bnew Date\(\)|AbortSignal\.timeout|native\.realtimeNs/;
  const timed = files.filter((file) => /^(?:collector|commands)\//.test(file) && ownTime.test(readFileSync(join(SRC, file), 'utf8')));
  expect(timed).toEqual(['collector/group/clock.ts']);
});

describe('pure files import nothing that touches the machine', () => {
  const pure = [
    /^model\//,
    /^traffic\//,
    /^deployment\//,
    /^collector\/verdict\//,
    /^collector\/words\//,
    /^collector\/report\//,
    /^protocol\/(schema|framing|plain|values)\.ts$/,
    /^options\/(table|options|arguments|capacity|flow-memory|steerings|values|cbpf)\.ts$/,
    /^commands\/[\w-]+\/(options|report|result|recommend|matrix-cells|prediction|churn-events|race-findings|scale-advice|scale-doubts)\.ts$/,
    /^commands\/(series|spec|registry)\.ts$/,
    /^capture-file\/(findings|use)\.ts$/,
    /^nic\//,
    /^commands\/lint\/(lint|sarif)\.ts$/,
    /^commands\/doctor\/(doctor|fact-text)\.ts$/,
  ];
  test.each(pure.map((pattern) => [pattern]))('%s', (pattern) => {
    const matching = files.filter((file) => pattern.test(file));
    expect(matching, 'no file matches: drop the row from `pure` in test/unit/layering.test.ts, or mend its pattern').not.toEqual([]);
    expect(
      imports.filter(({ from, to }) => matching.includes(from) && to.startsWith('node:')),
      'hand what the machine knows to these files as an argument: they are pure (`pure` in test/unit/layering.test.ts)',
    ).toEqual([]);
  });
});

describe('native code', () => {
  const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));
  /** From the bottom to the top: a file may include what is in its own room, and in rooms before it. */
  const ROOMS = [
    ...['base', 'packet', 'wire', 'table', 'socket', 'worker', 'evidence', 'capture_file'].map((room) => `core/${room}`),
    ...['host', 'lab', 'binding', 'test', 'fuzz'],
  ];
  const sources = readdirSync(NATIVE, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.startsWith('build/') && /\.[ch]pp$/.test(name),
  );
  const includes = sources.flatMap((from) =>
    [...readFileSync(join(NATIVE, from), 'utf8').matchAll(/^#include (["<])([^">]+)/gm)].map(([, mark, to = '']) => ({
      from,
      to,
      own: mark === '"',
    })),
  );
  const room = (file: string) => ROOMS.indexOf(dirname(file));

  test('has a room for every file', () => {
    expect(
      sources.filter((file) => room(file) < 0),
      'give the folders of these files a place in ROOMS of test/unit/layering.test.ts',
    ).toEqual([]);
    expect(
      ROOMS.filter((_, index) => !sources.some((file) => room(file) === index)),
      'no file is in these rooms: drop them from ROOMS of test/unit/layering.test.ts',
    ).toEqual([]);
  });

  test('names every file that it includes from native/ on', () => {
    expect(
      includes.filter(({ to, own }) => own && !sources.includes(to)),
      'write these as #include "core/ROOM/NAME.hpp", from native/ on',
    ).toEqual([]);
  });

  test('includes nothing of a later room', () => {
    expect(
      includes.filter(({ from, to, own }) => own && room(to) > room(from)),
      'move what is included to an earlier room (ROOMS in test/unit/layering.test.ts)',
    ).toEqual([]);
  });

  test('meets Node.js in the binding only', () => {
    const places = includes.filter(({ to, own }) => !own && /^(?:napi|node|uv|v8)/.test(basename(to))).map(({ from }) => dirname(from));
    expect([...new Set(places)], 'include headers of Node.js in native/binding only').toEqual(['binding']);
  });

  test('has a file of types for each file of the binding', () => {
    const bindings = sources.flatMap((file) => /^binding\/(\w+)_binding\.cpp$/.exec(file)?.[1]?.replaceAll('_', '-') ?? []);
    const types = files.flatMap((file) => /^addon\/([\w-]+)\.ts$/.exec(file)?.[1] ?? []);
    // What two bindings answer with, and the loader.
    expect(
      types.filter((name) => !['capture-summary', 'native'].includes(name)).sort(),
      'native/binding/NAME_binding.cpp and src/addon/NAME.ts come in pairs',
    ).toEqual(bindings.sort());
  });

  test('is loaded in one place', () => {
    expect(
      files.filter((file) => /\bdlopen\b|fanout\.node/.test(readFileSync(join(SRC, file), 'utf8'))),
      'load the addon in src/addon/native.ts only',
    ).toEqual(['addon/native.ts']);
  });
});

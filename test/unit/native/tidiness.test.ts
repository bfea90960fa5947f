/** Native code holds nothing that nobody uses, and no line that does not fit on a screen. Read as text: a compiler looks at one file at a time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/package-root.ts';

const COLUMNS_MAX = 120;
const NATIVE = join(packageRoot(), 'native');
const files = readdirSync(NATIVE, { recursive: true, encoding: 'utf8' })
  .filter((name) => !name.startsWith('build/') && /\.[ch]pp$/.test(name))
  .map((name) => ({ name, text: readFileSync(join(NATIVE, name), 'utf8') }));
/** What the addon is made of. */
const product = files.filter(({ name }) => !/^(?:test|fuzz)\//.test(name));

test('no line is longer than 120 columns', () => {
  const long = files.flatMap(({ name, text }) =>
    text.split('\n').flatMap((line, index) => ([...line].length > COLUMNS_MAX ? [`${name}:${index + 1}`] : [])),
  );
  expect(long).toEqual([]);
});

test.each(['Makefile', 'test/Makefile', 'fuzz/Makefile', 'flags.sh'])('no comment of %s is longer than 120 columns', (name) => {
  const comments = readFileSync(join(NATIVE, name), 'utf8').match(/^#.*$/gm) ?? [];
  expect(comments.filter((line) => line.length > COLUMNS_MAX)).toEqual([]);
});

test('every header is included by another file', () => {
  const included = new Set(files.flatMap(({ text }) => [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, to]) => to)));
  expect(files.filter(({ name }) => name.endsWith('.hpp') && !included.has(name)).map(({ name }) => name)).toEqual([]);
});

/** Without comments, includes and strings. */
function codeOf(text: string): string {
  return text.replace(/^#include.*$|\/\/.*$|"(?:[^"\\\n]|\\.)*"/gm, '');
}

/** A type or a qualifier, then the name: of a function, a constant or a member. */
const DECLARED =
  /^ *(?! |return|using|namespace|case|else|throw|delete|friend|struct|class|enum)(?:\[\[\w+\]\] )?[\w:<>,&* ]*[\w>][ &*]+(\w+)(?:\(|;| = |\{)/gm;
/** In a source file, without indentation: what a header has declared. */
const DEFINED = /^(?![ }])[\w:<>,&* [\]]*[ &*:](\w+)\(/gm;

test('everything that a header declares is used', () => {
  const used = new Map<string, number>();
  const count = (name: string, by: number) => used.set(name, (used.get(name) ?? 0) + by);
  const code = product.map(({ name, text }) => ({ name, text: codeOf(text) }));
  for (const { name, text } of code) {
    for (const [word] of text.matchAll(/\b[A-Za-z_]\w*/g)) count(word, 1);
    if (name.endsWith('.cpp')) for (const [, word = ''] of text.matchAll(DEFINED)) count(word, -1);
  }
  const headers = code.filter(({ name }) => name.endsWith('.hpp'));
  const declared = headers.flatMap(({ name, text }) => [...text.matchAll(DECLARED)].map(([, word = '']) => ({ name, word })));
  expect(declared.length).toBeGreaterThan(500);
  expect(declared.filter(({ word }) => (used.get(word) ?? 0) < 2)).toEqual([]);
});

/** docs/architecture.md is where a newcomer looks first: what it names is there, and no room is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/package-root.ts';

const PAGE = 'docs/architecture.md';
const ROOT = packageRoot();
const text = readFileSync(join(ROOT, PAGE), 'utf8');

const [, where = ''] = text.split('## Where is ...\n');
const answers = [...(where.split('\n## ')[0]?.matchAll(/^\| (.*?) \| `(.*?)`.* \| `(.*?)` \|$/gm) ?? [])].map(
  ([, question = '', file = '', word = '']) => ({ question, file, word }),
);

test('it answers questions', () => {
  expect(answers.length).toBeGreaterThan(10);
});

test.each(answers)('$question $file', ({ file, word }) => {
  expect(existsSync(join(ROOT, file)), `${PAGE} names ${file}, which is not there`).toBe(true);
  expect(readFileSync(join(ROOT, file), 'utf8').includes(word), `${PAGE} says that ${file} has ${word}`).toBe(true);
});

const foldersIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);
const rooms = [...foldersIn('src').filter((folder) => folder !== 'src/collector'), ...foldersIn('src/collector')];
const nativeRooms = foldersIn('native/core').map((folder) => folder.replace('native/core', '...'));

test.each([...rooms, ...nativeRooms])('%s has a line in the table of rooms', (room) => {
  expect(text, `add a row for ${room} to ${PAGE}`).toMatch(new RegExp(`^\\| .*\`${room.replaceAll('.', '\\.')}/\``, 'm'));
});

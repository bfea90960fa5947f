// Lines and branches of src/: those that the tests run in their own process, as vitest counts them, and those that the built command and
// its workers run in theirs, found again through the bundles' source maps. Both name statements by where they begin in the source.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { mergeProcessCovs } from '@bcoe/v8-coverage';
import { convert } from 'ast-v8-to-istanbul';
import { parseAstAsync } from 'vitest/node';

const startOf = ({ start: { line, column } }) => `${line}:${column}`;

/** By path below `root`: what each statement and each arm of a branch is, and how often it ran. */
export async function coverageOfSources(root, reports, v8) {
  const files = new Map();
  for (const report of reports) {
    for (const [path, file] of Object.entries(JSON.parse(readFileSync(report, 'utf8')))) add(files, relative(root, path), file, true);
  }
  for (const file of await coverageOfBundles(join(root, 'dist'), v8)) add(files, relative(root, file.path), file, false);
  return files;
}

/** What of a file can be covered, only the tests' own process says: it sees files that nothing loads, too. */
function add(files, path, { statementMap, s, branchMap, b }, isKnown) {
  if (!isKnown && !files.has(path)) return;
  const file = files.get(path) ?? { statements: new Map(), arms: new Map() };
  files.set(path, file);
  for (const [id, location] of Object.entries(statementMap)) count(file.statements, startOf(location), location.start.line, s[id], isKnown);
  for (const [id, { type, loc, locations }] of Object.entries(branchMap)) {
    locations.forEach((location, arm) => {
      count(file.arms, `${type} ${startOf(loc)} ${arm}`, location.start?.line ?? loc.start.line, b[id][arm], isKnown);
    });
  }
}

function count(all, key, line, times, isKnown) {
  const one = all.get(key);
  if (one !== undefined) one.times += times;
  else if (isKnown) all.set(key, { line, times });
}

/** A process each, thousands of them: V8's counts are added up before the source maps are read. */
async function coverageOfBundles(dist, v8) {
  const BATCH = 200;
  let merged = { result: [] };
  const names = readdirSync(v8);
  for (let i = 0; i < names.length; i += BATCH) {
    // Those that were killed wrote nothing.
    const texts = names.slice(i, i + BATCH).map((name) => readFileSync(join(v8, name), 'utf8'));
    const batch = texts.filter((text) => text !== '').map((text) => JSON.parse(text));
    merged = mergeProcessCovs([merged, ...batch]);
  }
  const files = [];
  for (const coverage of merged.result) {
    const name = coverage.url.split('/').at(-1);
    const code = readFileSync(join(dist, name), 'utf8');
    const sourceMap = JSON.parse(readFileSync(join(dist, `${name.replace('-measured', '')}.map`), 'utf8'));
    // The parser knows no "#!"; nothing may move.
    const ast = parseAstAsync(code.replace(/^#!.*/, (line) => ' '.repeat(line.length)));
    files.push(...Object.values(await convert({ code, sourceMap, coverage, ast })));
  }
  return files;
}

export function linesOf({ statements }) {
  const lines = new Map();
  for (const { line, times } of statements.values()) lines.set(line, Math.max(lines.get(line) ?? 0, times));
  return lines;
}

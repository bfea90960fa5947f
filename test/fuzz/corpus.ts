/** Inputs kept in files: those that found something, or reach code that no other input reaches. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';

/** What is kept with the sources, what runs have found on this machine, and what broke a rule. */
export function directoriesOf(target: string): { readonly corpus: string; readonly found: string; readonly findings: string } {
  const build = join(packageRoot(), 'native', 'build', 'fuzz');
  return {
    corpus: join(packageRoot(), 'test', 'fuzz', 'corpus', target),
    found: join(build, 'corpus', target),
    findings: join(build, 'findings', target),
  };
}

/** None if there is no such directory. */
export function readCorpus(directory: string): readonly Uint8Array[] {
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => readFileSync(join(directory, name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Gives the path; the name is that of the content, so that the same input is kept once. */
export function keepInput(directory: string, input: Uint8Array): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(path, input);
  return path;
}

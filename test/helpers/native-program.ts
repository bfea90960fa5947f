/** Small programs in C++ of native/test, for what no other language can try. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './tool.ts';

/** @param sources below native/, of which the first gives the program its name */
export function compiled(directory: string, ...sources: readonly string[]): string {
  const native = join(ROOT, 'native');
  const out = join(directory, (sources[0] ?? '').replace(/^.*\/|\.cpp$/g, ''));
  execFileSync('g++', ['-std=c++20', '-O1', '-fno-exceptions', '-I', native, '-o', out, ...sources.map((name) => join(native, name))]);
  return out;
}

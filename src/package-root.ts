/** Where the package lies, for the files that are not bundled: package.json, the addon, the worker. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder above this module, which may be a source file or part of a bundle, that holds a package.json. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new TypeError(`no package.json above ${fileURLToPath(import.meta.url)}`);
  }
}

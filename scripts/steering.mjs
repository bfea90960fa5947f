// npm run steering: compiles native/steering with clang, and writes what the addon loads, which is committed. `--check`
// says whether the committed one is what clang makes of the sources now.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(root, 'native/host/steering_program.hpp');
const SECTION = 'loadbalancer';
/** The maps of the program, in the order in which the loader makes them (native/host/steering.cpp). */
const MAPS = ['fc_fragments', 'fc_walk'];
const INSTRUCTION_BYTES = 8;

export function compiledSteering() {
  const scratch = mkdtempSync(join(tmpdir(), 'fanout-cluster-steering-'));
  try {
    const object = join(scratch, 'steer.o');
    const multiarch = `/usr/include/${execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}-linux-gnu`;
    const flags = ['-O2', '-target', 'bpf', '-mcpu=v2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function', '-idirafter', multiarch];
    execFileSync('clang', [...flags, '-c', 'steer.bpf.c', '-o', object], { cwd: join(root, 'native/steering'), stdio: 'inherit' });
    const code = sectionOf(object, SECTION, scratch);
    const walkBytes = sectionOf(object, 'fc_sizes', scratch).readUInt32LE(0);
    return included(code, relocationsOf(object), walkBytes);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function sectionOf(object, name, scratch) {
  const file = join(scratch, name);
  execFileSync('llvm-objcopy', [`--dump-section=${name}=${file}`, object, join(scratch, 'copy.o')]);
  return readFileSync(file);
}

/** Which instructions name which map. */
function relocationsOf(object) {
  const text = execFileSync('llvm-readelf', ['--relocations', object], { encoding: 'utf8' });
  const [, own = ''] = text.split(`'.rel${SECTION}'`);
  const [lines] = own.split('\nRelocation section');
  return [...lines.matchAll(/^([0-9a-f]{16}) .* R_BPF_64_64 .* (\w+)$/gm)].map(([, offset, symbol]) => {
    const map = MAPS.indexOf(symbol);
    if (map < 0) throw new TypeError(`the program names ${symbol}, which is no map`);
    return { at: Number.parseInt(offset, 16) / INSTRUCTION_BYTES, map };
  });
}

function included(code, relocations, walkBytes) {
  const words = Array.from(
    { length: code.length / INSTRUCTION_BYTES },
    (_, i) => `0x${code.readBigUInt64LE(i * INSTRUCTION_BYTES).toString(16)}`,
  );
  const rows = Array.from({ length: Math.ceil(words.length / 5) }, (_, i) => `    ${words.slice(5 * i, 5 * i + 5).join(', ')},`);
  return `// Made of native/steering by "npm run steering".
// clang-format off
#pragma once

#include <cstddef>
#include <cstdint>

namespace fanout::steering_program {

// Of the value of the map of walks.
inline constexpr std::size_t walk_bytes = ${walkBytes};

// Which instruction names which map.
struct MapUse {
  std::size_t at, map;
};
inline constexpr MapUse map_uses[] = {
${relocations.map(({ at, map }) => `    {${at}, ${map}},`).join('\n')}
};
inline constexpr std::uint64_t instructions[] = {
${rows.join('\n')}
};

}  // namespace fanout::steering_program
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const now = compiledSteering();
  if (!process.argv.includes('--check')) writeFileSync(OUT, now);
  else if (readFileSync(OUT, 'utf8') !== now) {
    process.stderr.write('native/host/steering_program.hpp is not what clang makes of native/steering: npm run steering\n');
    process.exitCode = 1;
  }
}

// npm run steering: compiles the programs of native/steering with clang, and writes what the addon loads and the object for loaders of
// others, which are committed. `--check` says whether the committed ones are what clang makes of the sources now.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const INSTRUCTION_BYTES = 8;
const SHAPE_WORDS = 4;

/** Maps in the order of their shapes in the source. */
const STEERING = { name: 'steer', section: 'loadbalancer', maps: ['fc_fragments', 'fc_walk'] };
const DISSECTOR = { name: 'dissect', section: 'flow_dissector', maps: ['fc_fragments', 'fc_walk', 'fc_depth'] };

/** What is committed: path and content. */
export function compiledSteering() {
  const scratch = mkdtempSync(join(tmpdir(), 'fanout-cluster-steering-'));
  try {
    return [
      ['native/host/steering_programs.hpp', Buffer.from(header([STEERING, DISSECTOR].map((program) => included(program, scratch))))],
      ['native/steering/steer.bpf.o', objectForLoaders(scratch)],
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function compiled(name, scratch, flags = []) {
  const object = join(scratch, `${name}.o`);
  const multiarch = `/usr/include/${execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}-linux-gnu`;
  const always = ['-O2', '-target', 'bpf', '-mcpu=v2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function', '-idirafter', multiarch];
  execFileSync('clang', [...always, ...flags, '-c', `${name}.bpf.c`, '-o', object], {
    cwd: join(root, 'native/steering'),
    stdio: 'inherit',
  });
  return object;
}

/** As libbpf wants it, which makes the maps from their types (BTF): without what only our own loader reads, and without the names of folders. */
function objectForLoaders(scratch) {
  const object = compiled(STEERING.name, scratch, ['-g', `-fdebug-compilation-dir=.`]);
  execFileSync('llvm-strip', ['--strip-debug', object]);
  return readFileSync(object);
}

function included({ name, section, maps }, scratch) {
  const object = compiled(name, scratch, ['-DWITH_SHAPES']);
  const code = sectionOf(object, section, scratch);
  const shapes = sectionOf(object, 'map_shapes', scratch);
  if (shapes.length !== maps.length * SHAPE_WORDS * 4) throw new TypeError(`${name}: ${maps.length} maps, and other shapes of them`);
  return `namespace ${name} {

inline constexpr MapShape maps[] = {
${maps.map((map, i) => `    {${words(shapes, i).join(', ')}},  // ${map}`).join('\n')}
};
inline constexpr MapUse map_uses[] = {
${relocationsOf(object, section, maps)
  .map(({ at, map }) => `    {${at}, ${map}},`)
  .join('\n')}
};
inline constexpr std::uint64_t instructions[] = {
${rowsOf(code).join('\n')}
};

}  // namespace ${name}
`;
}

function words(shapes, map) {
  return Array.from({ length: SHAPE_WORDS }, (_, i) => shapes.readUInt32LE((map * SHAPE_WORDS + i) * 4));
}

function rowsOf(code) {
  const all = Array.from(
    { length: code.length / INSTRUCTION_BYTES },
    (_, i) => `0x${code.readBigUInt64LE(i * INSTRUCTION_BYTES).toString(16)}`,
  );
  return Array.from({ length: Math.ceil(all.length / 5) }, (_, i) => `    ${all.slice(5 * i, 5 * i + 5).join(', ')},`);
}

function sectionOf(object, name, scratch) {
  const file = join(scratch, name);
  execFileSync('llvm-objcopy', [`--dump-section=${name}=${file}`, object, join(scratch, 'copy.o')]);
  return readFileSync(file);
}

/** Which instructions name which map. */
function relocationsOf(object, section, maps) {
  const text = execFileSync('llvm-readelf', ['--relocations', object], { encoding: 'utf8' });
  const [, own = ''] = text.split(`'.rel${section}'`);
  const [lines] = own.split('\nRelocation section');
  return [...lines.matchAll(/^([0-9a-f]{16}) .* R_BPF_64_64 .* (\w+)$/gm)].map(([, offset, symbol]) => {
    const map = maps.indexOf(symbol);
    if (map < 0) throw new TypeError(`the program names ${symbol}, which is no map`);
    return { at: Number.parseInt(offset, 16) / INSTRUCTION_BYTES, map };
  });
}

function header(programs) {
  return `// Made of native/steering by "npm run steering".
// clang-format off
#pragma once

#include <cstddef>
#include <cstdint>

namespace fanout::steering_programs {

// For BPF_MAP_CREATE.
struct MapShape {
  std::uint32_t type, key_bytes, value_bytes, entries;
};

// Which instruction names which map.
struct MapUse {
  std::size_t at, map;
};

${programs.join('\n')}
}  // namespace fanout::steering_programs
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, content] of compiledSteering()) {
    const file = join(root, path);
    if (!process.argv.includes('--check')) writeFileSync(file, content);
    else if (!readFileSync(file).equals(content)) {
      process.stderr.write(`${path} is not what clang makes of native/steering: npm run steering\n`);
      process.exitCode = 1;
    }
  }
}

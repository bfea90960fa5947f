// npm run kernels [-- NAME...] [--steps STEP,...] [--json FILE] [--download] [--docs] [--list]: boots other kernels and runs this clone's build inside; a NAME
// is a kernel or a set of kernels/table.mjs, by default all. Ends with 1 if a kernel did not do what it must. --download only gets
// what they need, --docs only writes the tables of docs/kernels.md from the last results of each kernel.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from './kernels/boot.mjs';
import { withTables } from './kernels/document.mjs';
import { cacheFolder, unpackedAll } from './kernels/packages.mjs';
import { cellsOf, unmetBy } from './kernels/rows.mjs';
import { KERNELS, SETS } from './kernels/table.mjs';

/** Of one kernel: boot and all steps. */
const KERNEL_MS_MAX = { uml: 1_800_000, qemu: 2_400_000 };
const DOCUMENT = 'docs/kernels.md';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string' },
    json: { type: 'string' },
    docs: { type: 'boolean' },
    download: { type: 'boolean' },
    list: { type: 'boolean' },
  },
});
if (values.list) for (const { name, suite, packages } of KERNELS) console.log(`${name}\t${packages.join(', ')} of ${suite}`);
else if (values.docs) writeFileSync(DOCUMENT, withTables(readFileSync(DOCUMENT, 'utf8'), lastResults()));
else if (values.download) for (const kernel of chosenOf(positionals)) console.log(unpackedAll(kernel).join('\n'));
else process.exitCode = await bootAll(chosenOf(positionals));

function chosenOf(names) {
  const wanted = names.length === 0 ? KERNELS.map(({ name }) => name) : names.flatMap((name) => SETS[name] ?? [name]);
  return wanted.map((name) => {
    const kernel = KERNELS.find((one) => one.name === name);
    if (kernel === undefined)
      throw new Error(`no kernel ${name}; there are ${[...KERNELS, ...Object.keys(SETS)].map((one) => one.name ?? one).join(', ')}`);
    return kernel;
  });
}

async function bootAll(kernels) {
  const results = [];
  for (const kernel of kernels) results.push(await bootOne(kernel));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 1));
  return results.every(({ unmet, unfinished }) => unmet.length === 0 && unfinished.length === 0) ? 0 : 1;
}

async function bootOne(kernel) {
  const steps = values.steps?.split(',') ?? kernel.steps;
  const tell = ({ step, status, ms }) =>
    ms !== undefined && console.log(`${kernel.name}: ${step}: status ${status}, ${(ms / 1000).toFixed(1)} s`);
  const {
    records,
    console: said,
    ms,
    isLate,
  } = await boot(kernel, steps, {
    limitMs: KERNEL_MS_MAX[kernel.kind],
    onRecord: tell,
    onBuilt: console.log,
  });
  const done = new Set(records.map(({ step }) => step));
  const unfinished = steps.filter((step) => !done.has(step));
  const unmet = unmetBy(cellsOf(records), kernel);
  for (const { row, cell, wanted } of unmet) console.log(`${kernel.name}: ${row}: ${cell}, and not ${wanted}`);
  if (unfinished.length > 0)
    console.log(`${kernel.name}: ${isLate ? 'too slow' : 'ended early'}, without ${unfinished.join(', ')}:\n${said}`);
  console.log(
    `${kernel.name}: ${unmet.length + unfinished.length === 0 ? 'as it must be' : 'NOT as it must be'}, ${(ms / 1000).toFixed(0)} s`,
  );
  // A part of the steps is no result for the tables.
  if (values.steps === undefined) keep(kernel, { records, ms });
  return { kernel: kernel.name, records, ms, unmet, unfinished };
}

function resultFile({ name }) {
  return join(cacheFolder(), 'results', `${name}.json`);
}

function keep(kernel, result) {
  mkdirSync(join(cacheFolder(), 'results'), { recursive: true });
  writeFileSync(resultFile(kernel), JSON.stringify(result, undefined, 1));
}

/** Without steps that are done no more. */
function lastResults() {
  return KERNELS.filter((kernel) => existsSync(resultFile(kernel))).map((kernel) => {
    const { records } = JSON.parse(readFileSync(resultFile(kernel), 'utf8'));
    return { kernel, records: records.filter(({ step }) => step === 'kernel' || kernel.steps.includes(step)) };
  });
}

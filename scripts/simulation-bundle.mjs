// The simulation as one file, for simulate.mjs and, with a fault in it, for mutate.mjs.
import { build } from 'esbuild';

/** @param plugins of esbuild */
export async function bundleSimulation(outfile, plugins = []) {
  await build({
    entryPoints: ['test/simulation/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins,
    banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
  });
}

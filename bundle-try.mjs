import { build } from 'esbuild';
await build({ entryPoints:['/tmp/try.ts'], outfile:'test-results/try.mjs', bundle:true, platform:'node', format:'esm', target:'node20.19', banner:{ js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" }});

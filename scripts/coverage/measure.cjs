// Loaded before the bundles of a coverage run, never by the product: counts in this process what V8 counts, and writes it down wherever
// the process may end. A collector that becomes another program and a worker that leaves by _exit(2) run no code of Node's any more, so
// what they call last is wrapped. The file is opened at once: a worker may open none any more when it ends. Nothing is written by a process
// that is killed.
const { existsSync, ftruncateSync, openSync, writeSync } = require('node:fs');
const { Session } = require('node:inspector');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const OUT = join(__dirname, '..', '..', 'raw', 'v8');
const own = pathToFileURL(__dirname).href;
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

// Not in a copy of the package, as tests make them.
const file = existsSync(OUT) ? openSync(join(OUT, `${process.pid}-${process.hrtime.bigint()}.json`), 'w') : undefined;
function write() {
  if (file === undefined) return;
  session.post('Profiler.takePreciseCoverage', (error, found) => {
    if (error !== null) throw error;
    const result = found.result.filter(({ url }) => url.startsWith(own) && url.includes('-measured.'));
    ftruncateSync(file);
    writeSync(file, JSON.stringify({ result }), 0);
  });
}

process.on('exit', write);
const dlopen = process.dlopen;
process.dlopen = (module, ...others) => {
  dlopen.call(process, module, ...others);
  for (const name of ['exec', 'exitNow']) {
    const last = module.exports[name];
    if (typeof last !== 'function') continue;
    module.exports[name] = (...args) => {
      write();
      return last(...args);
    };
  }
};

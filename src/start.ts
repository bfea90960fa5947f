/** Loads the program. Whatever goes wrong before it runs must not end with Node's own status for that, which is 1 and would read as a NO. */

const NEEDED = [20, 19] as const;
const CANNOT_RUN = 4;
const DEFECT = 70;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(`fanout-cluster: Node.js ${process.versions.node} is too old\n  -> install Node.js ${NEEDED.join('.')} or newer\n`);
  process.exit(CANNOT_RUN);
}
import('./cli.ts').catch((error: unknown) => {
  if (error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE')) {
    process.stderr.write(
      `fanout-cluster: TOO_LARGE: no more files may be opened, and the program is not loaded yet (${error.code})\n  -> raise the limit (ulimit -n), to 100 at least\n`,
    );
    process.exit(CANNOT_RUN);
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`fanout-cluster: the program cannot be loaded, so this is no verdict\n${trace}\n  -> install the package again\n`);
  process.exit(DEFECT);
});

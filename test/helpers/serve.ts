/** Programs that run beside a test: started until they say that they are ready, ended in order. */
import { type ChildProcess, spawn } from 'node:child_process';

/** For setpriv(1): a test that runs out of time is killed with its process, and what it started must not live on. */
export const DIES_WITH_US = ['--pdeathsig', 'KILL', '--'];

const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2000;

/** Resolves when `ready` matches what the program says. */
export async function serveCommand(command: readonly string[], ready: RegExp): Promise<ChildProcess> {
  const child = spawn('setpriv', [...DIES_WITH_US, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await untilReady(child, command.join(' '), ready);
    return child;
  } catch (error) {
    await end(child);
    throw error;
  }
}

function untilReady(child: ChildProcess, what: string, ready: RegExp): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not get ready: ${said}`)), READY_TIMEOUT_MS);
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      if (!ready.test(said)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`${what} ended: ${said}`));
    });
  });
}

/** Asks it to end, so that it can write what it holds; does not ask for ever. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGINT');
  const force = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  await ended;
  clearTimeout(force);
}

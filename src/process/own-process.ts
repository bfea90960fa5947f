/** This process: on whose behalf it acts, what it gets while it may, and how it is replaced by itself. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Native } from '../addon/native.ts';
import type { Ids } from '../addon/privileges.ts';
import type { ExecOptions } from '../addon/process.ts';
import { unlessInterrupted } from '../collector/run/interruption.ts';
import type { OpeningRights, Openings } from '../collector/run/provisions.ts';
import { FanoutError, interrupted } from '../errors.ts';
import { configurationFiles } from '../host/configuration-files.ts';
import { NODE_PATH, type Starter, starterFor } from '../host/node-program.ts';
import { becomeForGood, type Privilege, Privileges, privilegeOf, readCredentials, refuseReachingOut } from '../host/privileges.ts';
import type { JsonOutput } from '../options/arguments.ts';
import { readMachine } from '../options/machine.ts';
import { descriptorPath } from '../worker-descriptors.ts';
import { descriptorsNamedIn, environmentToGoOnWith, prepareHandover, receiveHandover, Texts } from './handover.ts';
import type { Host, Prepared } from './host.ts';
import { ownDescriptors } from './inherited.ts';
import { openReportFile, openReportFileAsRoot, REPORT_LIMIT_MS, type ReportFile } from './report-file.ts';

/** @param signal what came before the process is replaced would be lost on the one that comes then */
export function ownProcess(signal: AbortSignal): Pick<Host, 'parse' | 'enterLab' | 'prepare'> {
  const handover = receiveHandover(process.env, process.pid);
  const texts = new Texts(handover?.texts);
  // Asked for only when there is something to do: --help and --version need nothing of the host.
  let known: Privileges | undefined;
  const ownPrivileges = (): Privileges => {
    known ??= readPrivileges();
    return known;
  };

  const named = descriptorsNamedIn(process.argv);
  /** What was handed over, where nothing could be done with it that this user may not do anyway. */
  const believed = () => (ownPrivileges().privilege.kind === 'none' && handover?.provisions !== undefined ? handover : undefined);

  /** Before anything of worth is opened. */
  const secludeItself = (native: Native): void => {
    native.hideFromUser();
    native.closeInherited([...named, ...(believed()?.descriptors ?? []), ...ownDescriptors()]);
  };

  const parse: Host['parse'] = (parseOptions) => {
    const privileges = ownPrivileges();
    const machine = readMachine();
    const read = (path: string, bytesMax: number) => texts.read(path, bytesMax, machine.readText);
    const readText = (path: string, bytesMax: number) => privileges.asInvoker(() => read(path, bytesMax));
    const asOwner = asOwnerOf(privileges);
    const files = configurationFiles({ asInvoker: (work) => privileges.asInvoker(work), ...(asOwner === undefined ? {} : { asOwner }) });
    return privileges.asRunUser(() => parseOptions({ ...machine, readText }, files));
  };

  const enterLab = async (): Promise<void> => {
    // Loaded only now: --help and typing errors need neither the addon nor the lab.
    const [{ native }, lab] = await Promise.all([import('../addon/native.ts'), import('../lab/namespace.ts')]);
    secludeItself(native);
    if (lab.labState(process.env) === 'inside') return;
    const { environment, descriptor } = prepareHandover(native, { texts: texts.fleeting }, process.pid);
    const exec = (options: ExecOptions): never =>
      signal.aborted ? refuseToGoOn() : native.exec({ ...options, keep: [...(options.keep ?? []), ...named, descriptor] });
    try {
      await lab.enterLab({
        addon: { exec },
        argv: ownCommand(),
        env: { ...process.env, ...environment },
        isRoot: process.geteuid?.() === 0,
      });
    } catch (error) {
      // A terminal sends its signals to the programs too that are asked on the way.
      if (signal.aborted) refuseToGoOn(error);
      throw error;
    }
  };

  const openFirst = async <T>(openings: Openings<T>): Promise<T> => {
    try {
      const { native } = await import('../addon/native.ts');
      return await openings.open(rightsOf(ownPrivileges(), native, signal));
    } catch (error) {
      throw await unlessInterrupted(error, { signal, clock: { sleep } }, BEFORE_BEGINNING);
    }
  };

  /** Threads that Node.js has of its own keep their capabilities; execve(2) leaves none of them. */
  const goOnWithoutCapabilities = <T>(native: Native, openings: Openings<T>, opened: T): never => {
    const { handover: provisions, descriptors } = openings.handOver(opened);
    const next = prepareHandover(native, { texts: texts.fleeting, provisions, descriptors }, process.pid);
    if (signal.aborted) refuseToGoOn();
    const env = Object.entries({ ...environmentToGoOnWith(process.env), ...next.environment }).map(([name, value]) => `${name}=${value}`);
    const keep = [...named, ...descriptors, next.descriptor];
    // What comes then has the sockets, and for others of its user no door: not even for as long as it takes to shut one.
    const starter = starterFor(native);
    const [, ...rest] = ownCommand();
    const program = starter === undefined ? { file: NODE_PATH, argv: ownCommand() } : started(starter, rest);
    return native.exec({ ...program, env, surrender: true, keep });
  };

  /** What the program opened that this one continues. */
  const takeOver = <T>(openings: Openings<T>): Promise<T> | undefined => {
    const handed = believed();
    return handed === undefined ? undefined : openings.takeOver(handed.provisions);
  };

  const prepare = async <T>(json: JsonOutput, openings: Openings<T>): Promise<Prepared<T>> => {
    const { native } = await import('../addon/native.ts');
    secludeItself(native);
    const privileges = ownPrivileges();
    const { privilege } = privileges;
    if (privilege.kind === 'capabilities') return goOnWithoutCapabilities(native, openings, await openFirst(openings));
    const report = json.kind === 'file' ? openReport(json.path, privileges, native, signal) : undefined;
    try {
      const opened = await (takeOver(openings) ?? openFirst(openings));
      if (privilege.kind === 'root') becomeForGood(native, privilege.runAs);
      else refuseReachingOut(native);
      // Becoming somebody else has made it so already, but for what fs.suid_dumpable may say.
      native.hideFromUser();
      return { opened, report };
    } catch (error) {
      report?.discard();
      throw error;
    }
  };

  return { parse, enterLab, prepare };
}

const CREDENTIALS = '/proc/self/status';

function readPrivileges(): Privileges {
  // A chroot, or a sandbox that mounts nothing.
  if (!existsSync(CREDENTIALS))
    throw new FanoutError('NO_PROC', `${CREDENTIALS} does not exist: nothing tells what this process may do`, 'mount -t proc proc /proc');
  return new Privileges(privilegeOf(readCredentials(), process.env));
}

function rightsOf(privileges: Privileges, addon: Native, signal: AbortSignal): OpeningRights {
  const waiting = { signal, limitMs: REPORT_LIMIT_MS };
  const as = <T>(owner: Ids, work: () => T): T => privileges.as(owner, work);
  const asOwner = asOwnerOf(privileges);
  return {
    openSecret: (path) =>
      privileges.privilege.kind === 'root'
        ? openReportFileAsRoot(path, addon, as, waiting, SECRET_MODE)
        : openReportFile(path, addon, waiting, SECRET_MODE),
    asInvoker: (work) => privileges.asInvoker(work),
    asRunUser: (work) => privileges.asRunUser(work),
    runAs: runAsOf(privileges.privilege),
    ...(asOwner === undefined ? {} : { asOwner }),
  };
}

/** Where root itself called. */
function asOwnerOf(privileges: Privileges): OpeningRights['asOwner'] {
  return isCalledByRoot(privileges.privilege) ? (owner, work) => privileges.as(owner, work) : undefined;
}

const SECRET_MODE = 0o600;

function isCalledByRoot(privilege: Privilege): boolean {
  return privilege.kind === 'root' && privilege.invoker.uid === 0;
}

function runAsOf(privilege: Privilege): Ids | undefined {
  return privilege.kind === 'root' ? privilege.runAs : undefined;
}

function openReport(path: string, privileges: Privileges, addon: Native, signal: AbortSignal): ReportFile {
  const { privilege } = privileges;
  const waiting = { signal, limitMs: REPORT_LIMIT_MS };
  // Root itself called: somebody must still be able to write where only root may when this process is root no more.
  if (isCalledByRoot(privilege)) return openReportFileAsRoot(path, addon, (owner, work) => privileges.as(owner, work), waiting);
  return privileges.asInvoker(() => openReportFile(path, addon, waiting));
}

function ownCommand(): [string, ...string[]] {
  return [NODE_PATH, ...process.execArgv, ...process.argv.slice(1)];
}

function started({ descriptor, leading }: Starter, rest: readonly string[]): Pick<ExecOptions, 'file' | 'argv'> {
  return { file: descriptorPath(descriptor), argv: [...leading, ...rest] };
}

const BEFORE_BEGINNING = 'before the run could begin';

/** The process that replaces this one would know nothing of a signal that came before. */
function refuseToGoOn(cause?: unknown): never {
  throw interrupted(BEFORE_BEGINNING, cause);
}

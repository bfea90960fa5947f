/** This process: on whose behalf it acts, what it gets while it may, and how it is replaced by itself. */
import { existsSync } from 'node:fs';
import { unlessInterrupted } from '../collector/interruption.ts';
import type { Openings, Rights } from '../collector/provisions.ts';
import { readMachine } from '../config/machine.ts';
import type { JsonOutput } from '../config/options.ts';
import { FanoutError, interrupted } from '../errors.ts';
import { prepareHandover, receiveHandover, Texts } from '../host/handover.ts';
import { becomeForGood, type Privilege, Privileges, privilegeOf, readCredentials, refuseReachingOut } from '../host/privileges.ts';
import type { Ids, Native, PrivilegesAddon } from '../native.ts';
import type { ExecOptions } from '../native-lab.ts';
import type { Host, Prepared } from './host.ts';
import { openReportFile, openReportFileByHelper, openReportFileIfAllowed, type ReportFile } from './output.ts';

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

  const parse: Host['parse'] = (parseOptions) => {
    const privileges = ownPrivileges();
    const machine = readMachine();
    const read = (path: string, bytesMax: number) => texts.read(path, bytesMax, machine.readText);
    const readText = (path: string, bytesMax: number) => privileges.asInvoker(() => read(path, bytesMax));
    return privileges.asRunUser(() => parseOptions({ ...machine, readText }));
  };

  const enterLab = async (): Promise<void> => {
    // Loaded only now: --help and typing errors need neither the addon nor the lab.
    const [{ native }, lab] = await Promise.all([import('../native.ts'), import('../lab/namespace.ts')]);
    if (lab.labState(process.env) === 'inside') return;
    const { environment, descriptor } = prepareHandover(native, { texts: texts.fleeting }, process.pid);
    const exec = (options: ExecOptions): never =>
      signal.aborted ? refuseToGoOn() : native.exec({ ...options, keep: [...(options.keep ?? []), descriptor] });
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
      return await openings.open(rightsOf(ownPrivileges()));
    } catch (error) {
      throw await unlessInterrupted(error, signal, BEFORE_BEGINNING);
    }
  };

  /** Threads that Node.js has of its own keep their capabilities; execve(2) leaves none of them. */
  const goOnWithoutCapabilities = <T>(native: Native, openings: Openings<T>, opened: T): never => {
    const { handover: provisions, descriptors } = openings.handOver(opened);
    const next = prepareHandover(native, { texts: texts.fleeting, provisions, descriptors }, process.pid);
    if (signal.aborted) refuseToGoOn();
    const env = Object.entries({ ...process.env, ...next.environment }).map(([name, value]) => `${name}=${value}`);
    return native.exec({ file: process.execPath, argv: ownCommand(), env, surrender: true, keep: [...descriptors, next.descriptor] });
  };

  /** What the program opened that this one continues. Believed only where nothing could be done with it that this user may not do anyway. */
  const takeOver = <T>(native: Native, openings: Openings<T>): Promise<T> | undefined => {
    if (ownPrivileges().privilege.kind !== 'none' || handover?.provisions === undefined) return undefined;
    native.closeOnExec(handover.descriptors ?? []);
    return openings.takeOver(handover.provisions);
  };

  const prepare = async <T>(json: JsonOutput, openings: Openings<T>): Promise<Prepared<T>> => {
    const { native } = await import('../native.ts');
    const privileges = ownPrivileges();
    const { privilege } = privileges;
    if (privilege.kind === 'capabilities') return goOnWithoutCapabilities(native, openings, await openFirst(openings));
    const report = json.kind === 'file' ? openReport(json.path, privileges, native) : undefined;
    try {
      const opened = await (takeOver(native, openings) ?? openFirst(openings));
      if (privilege.kind === 'root') becomeForGood(native, privilege.runAs);
      else refuseReachingOut(native);
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

function rightsOf(privileges: Privileges): Rights {
  return {
    asInvoker: (work) => privileges.asInvoker(work),
    asRunUser: (work) => privileges.asRunUser(work),
    runAs: runAsOf(privileges.privilege),
  };
}

function runAsOf(privilege: Privilege): Ids | undefined {
  return privilege.kind === 'root' ? privilege.runAs : undefined;
}

function openReport(path: string, privileges: Privileges, addon: Pick<PrivilegesAddon, 'FileHelper'>): ReportFile {
  const { privilege } = privileges;
  if (privilege.kind !== 'root') return openReportFile(path);
  if (privilege.invoker.uid !== 0) return privileges.asInvoker(() => openReportFile(path));
  // Root itself called: where only root may write, somebody must still be able to when this process is root no more.
  return privileges.asRunUser(() => openReportFileIfAllowed(path)) ?? openReportFileByHelper(path, addon);
}

function ownCommand(): [string, ...string[]] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

const BEFORE_BEGINNING = 'before the run could begin';

/** The process that replaces this one would know nothing of a signal that came before. */
function refuseToGoOn(cause?: unknown): never {
  throw interrupted(BEFORE_BEGINNING, cause);
}

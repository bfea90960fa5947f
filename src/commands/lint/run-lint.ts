/** The work of `lint` on this machine: files are opened as whoever called, and what is in them is read as somebody who may do nothing. */
import { configurationFiles } from '../../host/configuration-files.ts';
import type { RunLint } from './command.ts';
import { hostFacts } from './host-facts.ts';
import { lint } from './lint.ts';

export const runLint: RunLint = (options, { asInvoker, asRunUser, asOwner }, version) => {
  const files = configurationFiles({ asInvoker, asOwner });
  const facts = options.thisHost ? (interfaces: readonly string[]) => hostFacts(options, interfaces) : undefined;
  return asRunUser(() => lint(options, files, version, facts));
};

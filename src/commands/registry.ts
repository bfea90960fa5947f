/** The commands, in the order of --help. The first is what is meant where none is named. */
import { churnCommand } from './churn/command.ts';
import { compareCommand } from './compare/command.ts';
import { cureCommand } from './cure/command.ts';
import { doctorCommand } from './doctor/command.ts';
import { groupsCommand } from './groups/command.ts';
import { lintCommand } from './lint/command.ts';
import { matrixCommand } from './matrix/command.ts';
import { predictCommand } from './predict/command.ts';
import { raceCommand } from './race/command.ts';
import { runCommand } from './run/command.ts';
import { scaleCommand } from './scale/command.ts';
import type { CommandSpec } from './spec.ts';

export const COMMANDS: readonly [CommandSpec, ...CommandSpec[]] = [
  runCommand,
  compareCommand,
  matrixCommand,
  predictCommand,
  cureCommand,
  groupsCommand,
  lintCommand,
  doctorCommand,
  churnCommand,
  scaleCommand,
  raceCommand,
];

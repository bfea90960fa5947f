/** Every pair of what can be taken from a machine, and a table of what came of it; exits with 1 if a run ended otherwise than it should. */
import { execFileSync } from 'node:child_process';
import { refuseHostNamespace } from './lab.ts';
import { openWorkshop } from './machine-workshop.ts';
import { AXES, type Axis, type Command, type Machine, nameOf, type Outcome, outcomeOn } from './machines.ts';

refuseHostNamespace();
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const [depth = '2', at = '2', pattern = ''] = process.argv.slice(2);
const values = (Object.keys(AXES) as Axis[]).flatMap((axis) => Object.keys(AXES[axis]).map((value) => ({ axis, value })));

function machines(from: number, left: number): readonly Machine[] {
  if (left === 0) return [{}];
  return values.flatMap(({ axis, value }, i) =>
    i < from ? [] : machines(i + 1, left - 1).flatMap((rest) => (axis in rest ? [] : [{ [axis]: value, ...rest } as Machine])),
  );
}

const cells = [0, 1, 2, 3]
  .slice(0, Number(depth) + 1)
  .flatMap((left) => machines(0, left))
  .flatMap((machine) => (['lab', 'live', 'predict'] as Command[]).map((command) => ({ machine, command })))
  .filter(({ machine, command }) => new RegExp(pattern).test(`${command} ${nameOf(machine)}`));
const workshop = openWorkshop();
const outcomes: Outcome[] = [];
const begun = performance.now();
await Promise.all(
  Array.from({ length: Number(at) }, async (_, i) => {
    for (let k = i; k < cells.length; k += Number(at)) {
      const { machine, command } = cells[k] as (typeof cells)[number];
      const outcome = await outcomeOn(machine, command, workshop);
      outcomes.push(outcome);
      if (outcome.fault !== undefined || pattern !== '')
        console.log(
          `${outcome.fault === undefined ? 'ok' : 'FAULT'} ${command}, ${nameOf(machine)}: ${[...outcome.steps, outcome.fault].join(' | ')}`,
        );
    }
  }),
);
workshop.close();
const faults = outcomes.filter(({ fault }) => fault !== undefined).length;
const followed = outcomes.filter(({ steps, fault }) => fault === undefined && steps.length > 1).length;
console.log(
  `${outcomes.length} cells in ${Math.round((performance.now() - begun) / 1000)} s: ${outcomes.length - followed - faults} ran, ${followed} ran once what they said had been done, ${faults} ended otherwise`,
);
process.exitCode = faults === 0 ? 0 : 1;

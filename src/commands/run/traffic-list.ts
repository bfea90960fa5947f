/** `--traffic list`: what the lab can send. */
import { groupNames, TRAFFIC_CLASSES } from '../../traffic/classes.ts';

export function renderTrafficList(): string {
  const width = Math.max(...TRAFFIC_CLASSES.map(({ name }) => name.length));
  const rows = TRAFFIC_CLASSES.map(({ name, description, standard }) => `${standard ? '*' : ' '} ${name.padEnd(width)}  ${description}`);
  return [...rows, '', '* part of the standard mix', `groups: ${groupNames().join(', ')}`, ''].join('\n');
}

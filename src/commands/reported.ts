/** What every command does with its result: a file, JSON or text, as it was asked for. */

import { type Report, renderJson } from '../collector/report/json.ts';
import type { Style } from '../collector/report/layout.ts';
import type { Openings } from '../collector/run/provisions.ts';
import type { Options } from '../options/options.ts';
import { type Host, styleOf } from '../process/host.ts';

export interface Renderers<T> {
  readonly full: (result: T, style: Style) => string;
  /** What --quiet leaves. */
  readonly brief: (result: T, style: Style) => string;
}

/** The file stays as it was if the work fails. */
export async function reported<T extends Report, Opened>(
  output: Options['output'],
  host: Host,
  openings: Openings<Opened>,
  work: (opened: Opened) => Promise<T>,
  { full, brief }: Renderers<T>,
): Promise<T> {
  const { json, quiet } = output;
  const { opened, report } = await host.prepare(json, openings);
  const result = await work(opened).catch((cause: unknown) => {
    report?.discard();
    throw cause;
  });
  const lost = await report?.commit(renderJson(result)).then(
    () => undefined,
    (cause: unknown) => ({ cause }),
  );
  const render = quiet ? brief : full;
  host.stdout.write(json.kind === 'stdout' ? renderJson(result) : render(result, styleOf(host.stdout, output, host)));
  // The file is lost, but what was found out is not.
  if (lost !== undefined) throw lost.cause;
  return result;
}

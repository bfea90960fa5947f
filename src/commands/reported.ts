/** What every command does with its result: a file, JSON or text, as it was asked for. */

import type { Document } from '../collector/report/document.ts';
import { type Report, renderJson } from '../collector/report/json.ts';
import { renderText } from '../collector/report/text.ts';
import type { Openings } from '../collector/run/provisions.ts';
import type { Options } from '../options/options.ts';
import { type Host, styleOf } from '../process/host.ts';

export interface Reports<T> {
  readonly full: (result: T) => Document;
  /** What --quiet leaves. */
  readonly brief: (result: T) => Document;
  /** The document for machines, where it is another than the result. */
  readonly asMachine?: (result: T) => object;
}

/** The file stays as it was if the work fails. */
export async function reported<T extends Report, Opened>(
  output: Options['output'],
  host: Host,
  openings: Openings<Opened>,
  work: (opened: Opened) => Promise<T>,
  { full, brief, asMachine = (result) => result }: Reports<T>,
): Promise<T> {
  const { json, quiet } = output;
  const { opened, report } = await host.prepare(json, openings);
  const result = await work(opened).catch((cause: unknown) => {
    report?.discard();
    throw cause;
  });
  const lost = await report?.commit(renderJson(asMachine(result))).then(
    () => undefined,
    (cause: unknown) => ({ cause }),
  );
  host.stdout.write(
    json.kind === 'stdout' ? renderJson(asMachine(result)) : renderText((quiet ? brief : full)(result), styleOf(host.stdout, output, host)),
  );
  // The file is lost, but what was found out is not.
  if (lost !== undefined) throw lost.cause;
  return result;
}

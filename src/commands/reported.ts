/** What every command does with its result: a file, JSON or text, as it was asked for. */
import { type Report, renderJson } from '../collector/report/json.ts';
import type { Style } from '../collector/report/layout.ts';
import type { Options } from '../config/options.ts';
import { type Host, styleOf } from './host.ts';
import { openReportFile } from './output.ts';

export interface Renderers<T> {
  readonly full: (result: T, style: Style) => string;
  /** What --quiet leaves. */
  readonly brief: (result: T, style: Style) => string;
}

/** The file is opened before the work, so that a bad path costs no one a long capture, and stays as it was if the work fails. */
export async function reported<T extends Report>(
  output: Options['output'],
  host: Host,
  work: () => Promise<T>,
  { full, brief }: Renderers<T>,
): Promise<T> {
  const { json, quiet } = output;
  const file = json.kind === 'file' ? openReportFile(json.path) : undefined;
  const result = await work().catch((cause: unknown) => {
    file?.discard();
    throw cause;
  });
  file?.commit(renderJson(result));
  const render = quiet ? brief : full;
  host.stdout.write(json.kind === 'stdout' ? renderJson(result) : render(result, styleOf(host.stdout, output, host)));
  return result;
}

/** What is wrong with a capture file, in words: an error where nothing of it can be used, else warnings. Pure. */

import type { CaptureProblem, CaptureSummary, LeftOut } from '../addon/capture-summary.ts';
import { FanoutError } from '../errors.ts';
import type { WarningCode } from '../model/reason.ts';
import type { Reason } from '../model/run-result.ts';
import type { CaptureUse } from './use.ts';

interface Warning extends Reason {
  readonly code: WarningCode;
}

/** Packets of which no frame could be made. */
export function packetsLeftOut({ leftOut: entries, leftOutOtherwise }: CaptureSummary): number {
  return entries.reduce((sum, { packets }) => sum + packets, leftOutOtherwise);
}

/** `damage` is what ended the reading below the format: the disk, or the compression. */
export function captureWarnings(name: string, summary: CaptureSummary, damage: string | undefined, use: CaptureUse): readonly Warning[] {
  return [...damaged(name, summary, damage), ...leftOut(name, summary), ...cutHeaders(name, summary, use), ...untimed(name, summary)];
}

/** For a file of which not one packet can be used. */
export function unusableCapture(name: string, summary: CaptureSummary, damage: string | undefined, use: CaptureUse): FanoutError {
  const { problem, records } = summary;
  if (records > 0) {
    const reasons = leftOutTexts(summary).join('; ');
    const more = damagePhrase(summary, damage);
    return new FanoutError(
      'BAD_CAPTURE',
      `${use.option}: none of the ${counted(records, 'packet')} of ${name} can be ${use.done}: ${reasons}${more === undefined ? '' : `; ${more}`}`,
      unusableRemedy(name, summary),
    );
  }
  if (problem?.fault === 'foreign') return foreign(name, problem.foreign, use);
  const phrase = damagePhrase(summary, damage);
  if (problem?.fault === 'empty' && damage === undefined)
    return new FanoutError('BAD_CAPTURE', `${use.option}: ${name} is empty`, 'name a capture file with packets in it');
  const message = phrase === undefined ? `${name} holds no packet` : `${name} holds no packet that can be read: ${phrase}`;
  return new FanoutError('BAD_CAPTURE', `${use.option}: ${message}`, 'look into it with capinfos(1), and capture again');
}

function unusableRemedy(name: string, { leftOut: entries }: CaptureSummary): string {
  return entries.every(({ reason }) => reason === 'too-long')
    ? `ask the model, which sends nothing: fanout-cluster predict ${name}`
    : 'capture where the packets are Ethernet frames or bare IP packets (tcpdump -i <interface>)';
}

/** What turns a file of this format into one that can be read. */
const REMEDIES: Readonly<Record<string, (name: string, command: string) => string>> = {
  zstd: (name, command) => `zstd -dc ${name} | ${command} -`,
  xz: (name, command) => `xz -dc ${name} | ${command} -`,
  lz4: (name, command) => `lz4 -dc ${name} | ${command} -`,
  bzip2: (name, command) => `bzip2 -dc ${name} | ${command} -`,
  compress: (name, command) => `gzip -dc ${name} | ${command} -`,
  zip: (name, command) => `unzip -p ${name} | ${command} -`,
  '7z': (name, command) => `7z x -so ${name} | ${command} -`,
  gzip: (name, command) => `gzip -dc ${name} | ${command} -, as it is compressed twice`,
  text: (name) => `make a capture of a hex dump by: text2pcap ${name} out.pcapng`,
};

function foreign(name: string, format: string | undefined, { option, command }: CaptureUse): FanoutError {
  const what = format === undefined ? 'is neither pcap, pcapng, snoop nor ERF, plain or by gzip' : `is not a capture file, but ${format}`;
  const remedy = REMEDIES[format ?? '']?.(name, command) ?? `convert it: editcap ${name} out.pcapng`;
  return new FanoutError('BAD_CAPTURE', `${option}: ${name} ${what}`, remedy);
}

function damaged(name: string, summary: CaptureSummary, damage: string | undefined): readonly Warning[] {
  const phrase = damagePhrase(summary, damage);
  if (phrase === undefined) return [];
  const message = `${name} could not be read to its end: ${phrase}; the ${counted(summary.records, 'packet')} before count`;
  return [{ code: 'capture-damaged', message, remedy: 'capture again, or see how much is missing: capinfos(1)' }];
}

function damagePhrase({ problem }: CaptureSummary, damage: string | undefined): string | undefined {
  const parts = [damage, problem === undefined || problem.fault === 'empty' ? undefined : problemPhrase(problem)];
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.join(', and ');
}

function problemPhrase(problem: CaptureProblem): string {
  const { block, record, offset, value } = problem;
  const packet = `packet ${record}`;
  const place = block === undefined ? `${packet} (at byte ${offset})` : `block ${block} (at byte ${offset}, where ${packet} is due)`;
  switch (problem.fault) {
    case 'empty':
      return 'it is empty';
    case 'foreign':
      return 'it is not a capture file';
    case 'unknown-version':
      return `${block === undefined ? 'its header' : place} has format version ${value}, which is not known`;
    case 'truncated':
      return record === 1 && offset === 0 ? 'it ends inside its header' : `it ends inside ${place}`;
    case 'implausible-length':
      return `${place} has an impossible length (${value} bytes)`;
    case 'length-mismatch':
      return `the two lengths of ${place} differ (the second is ${value})`;
    case 'unknown-interface':
      return `${place} names interface ${value}, which is not described`;
    case 'too-many-interfaces':
      return `${place} describes one more interface than the ${value} that are allowed`;
    case 'bad-byte-order':
      return `${place} has no byte order`;
  }
}

function leftOut(name: string, summary: CaptureSummary): readonly Warning[] {
  return leftOutTexts(summary).map((text) => ({
    code: 'packets-left-out',
    message: `of ${name}, ${text} left out`,
    remedy: 'look at what they are (tshark -r); nothing is known about how this group would treat them',
  }));
}

function leftOutTexts({ leftOut: entries, leftOutOtherwise }: CaptureSummary): readonly string[] {
  const rest = leftOutOtherwise === 0 ? [] : [`${counted(leftOutOtherwise, 'packet')} of further link types`];
  return [...entries.map((entry) => `${counted(entry.packets, 'packet')} of ${linkTypeText(entry)}${whyText(entry)}`), ...rest];
}

function linkTypeText({ linkType, linkTypeName }: LeftOut): string {
  return `link type ${linkType}${linkTypeName === undefined ? '' : ` (${linkTypeName})`}`;
}

function whyText({ reason }: LeftOut): string {
  switch (reason) {
    case 'link-type':
      return '';
    case 'protocol':
      return ' that carry no ethertype';
    case 'encrypted':
      return ' that are encrypted';
    case 'cut':
      return ' that end inside the header of the link layer';
    case 'too-long':
      return ' longer than an interface can send (65549 bytes)';
  }
}

function cutHeaders(name: string, { cutHeaders: cut, frames }: CaptureSummary, use: CaptureUse): readonly Warning[] {
  if (cut === 0) return [];
  const message = `of ${name}, ${cut} of ${counted(frames, 'packet')} were cut by its snap length before their flow is known; ${use.cut}`;
  return [{ code: 'packets-cut', message, remedy: 'capture with a larger snap length (tcpdump -s 262144)' }];
}

function untimed(name: string, { copiesAreUntold }: CaptureSummary): readonly Warning[] {
  if (copiesAreUntold === undefined) return [];
  const message = `${name} has no time stamps, and some of its packets are alike: nothing tells whether they are copies of one packet, so none counts as a copy`;
  return [{ code: 'no-time-stamps', message, remedy: 'capture with time stamps to see whether a mirror sends packets twice' }];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

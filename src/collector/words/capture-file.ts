/** Words for what is wrong with a capture file. Pure. */
import { PREDICT, USES } from '../../capture-file/use.ts';
import { FanoutError } from '../../errors.ts';
import type {
  CaptureDamage,
  CaptureProblem,
  CapturePurpose,
  FurtherLinkTypes,
  LeftOut,
  ReadFault,
  UnusableCapture,
} from '../../model/capture-file.ts';
import type { CaptureArgs } from '../../model/findings/capture.ts';
import { counted, grouped } from './english.ts';
import type { Said, Words } from './say.ts';

export const CAPTURE_WORDS: Words<CaptureArgs> = {
  'capture-damaged': ({ name, records, ...damage }) => ({
    message: `${name} could not be read to its end: ${damageText(damage)}; the ${counted(records, 'packet')} before count`,
    remedy: 'capture again, or see how much is missing: capinfos(1)',
  }),
  'capture-unfinished': ({ name, records }) => ({
    message: `a signal ended the reading of ${name}; only the ${counted(records, 'packet')} before it count`,
    remedy: 'let it end by itself for an answer about all of it',
  }),
  'packets-left-out': ({ name, ...leftOut }) => ({
    message: `of ${name}, ${leftOutText(leftOut)} left out`,
    remedy: 'look at what they are (tshark -r); nothing is known about how this group would treat them',
  }),
  'packets-cut': ({ name, cut, frames, purpose }) => ({
    message: `of ${name}, ${grouped(cut)} of ${counted(frames, 'packet')} were cut by its snap length before their flow is known; ${CUT[purpose]}`,
    remedy: 'capture with a larger snap length (tcpdump -s 262144)',
  }),
  'no-time-stamps': ({ name }) => ({
    message: `${name} has no time stamps, and some of its packets are alike: nothing tells whether they are copies of one packet, so none counts as a copy`,
    remedy: 'capture with time stamps to see whether a mirror sends packets twice',
  }),
};

/** What becomes of packets that were cut before their flow is known. */
const CUT: Readonly<Record<CapturePurpose, string>> = {
  replay: 'they were sent as they are, and are not judged',
  predict: 'they are not judged',
};

/** For a file of which not one packet can be used. */
export function badCapture(unusable: UnusableCapture): FanoutError {
  const { message, remedy } = unusableText(unusable);
  return new FanoutError('BAD_CAPTURE', `${USES[unusable.purpose].option}: ${message}`, remedy);
}

function unusableText(unusable: UnusableCapture): Required<Said> {
  const { name } = unusable;
  switch (unusable.kind) {
    case 'empty':
      return { message: `${name} is empty`, remedy: 'name a capture file with packets in it' };
    case 'foreign':
      return foreignText(unusable);
    case 'no-packets': {
      const why = unusable.damage === undefined ? '' : ` that can be read: ${damageText(unusable.damage)}`;
      return { message: `${name} holds no packet${why}`, remedy: 'look into it with capinfos(1), and capture again' };
    }
    case 'all-left-out': {
      const { purpose, records, leftOut, damage } = unusable;
      const why = [leftOut.map(leftOutText).join('; '), ...(damage === undefined ? [] : [damageText(damage)])].join('; ');
      const isTooLong = leftOut.every(({ reason }) => reason === 'too-long' || reason === 'further-link-types');
      return {
        message: `none of the ${counted(records, 'packet')} of ${name} can be ${DONE[purpose]}: ${why}`,
        remedy: isTooLong
          ? `ask the model, which sends nothing: ${PREDICT.command} ${name}`
          : 'capture where the packets are Ethernet frames or bare IP packets (tcpdump -i <interface>)',
      };
    }
  }
}

const DONE: Readonly<Record<CapturePurpose, string>> = { replay: 'replayed', predict: 'judged' };

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

function foreignText({ name, purpose, format }: UnusableCapture & { readonly kind: 'foreign' }): Required<Said> {
  const what =
    format === undefined ? 'is neither pcap, pcapng, snoop nor ERF, plain or gzip-compressed' : `is not a capture file, but ${format}`;
  const remedy = REMEDIES[format ?? '']?.(name, USES[purpose].command) ?? `convert it: editcap ${name} out.pcapng`;
  return { message: `${name} ${what}`, remedy };
}

/** "its gzip data end too early, and it ends inside packet 10 (at byte 724)" */
function damageText({ read, problem }: CaptureDamage): string {
  return [...(read === undefined ? [] : [readText(read)]), ...(problem === undefined ? [] : [problemText(problem)])].join(', and ');
}

function readText(fault: ReadFault): string {
  switch (fault.kind) {
    case 'gzip-ends-early':
      return 'its gzip data end too early';
    case 'gzip-damaged':
      return `its gzip data are damaged (${fault.message})`;
    case 'read-failed':
      return `reading it failed (${fault.message})`;
  }
}

function problemText({ fault, block, record, offset, value }: CaptureProblem): string {
  const packet = `packet ${record}`;
  const place = block === undefined ? `${packet} (at byte ${offset})` : `block ${block} (at byte ${offset}, where ${packet} is due)`;
  switch (fault) {
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

/** "2 packets of link type 9 (PPP) that carry no ethertype" */
function leftOutText(entry: LeftOut | FurtherLinkTypes): string {
  const packets = counted(entry.packets, 'packet');
  if (entry.reason === 'further-link-types') return `${packets} of further link types`;
  const { linkType, linkTypeName, reason } = entry;
  return `${packets} of link type ${linkType}${linkTypeName === undefined ? '' : ` (${linkTypeName})`}${WHY_LEFT_OUT[reason]}`;
}

const WHY_LEFT_OUT: Readonly<Record<LeftOut['reason'], string>> = {
  'link-type': '',
  protocol: ' that carry no ethertype',
  encrypted: ' that are encrypted',
  cut: ' that end inside the header of the link layer',
  'too-long': ' longer than an interface can send (65549 bytes)',
};

/** Words for what goes wrong in the files of Arkime, Packetbeat, Stenographer and on some command lines. Pure. */
import type { OtherRules } from '../../../deployment/rules.ts';
import { counted, grouped, joined } from '../english.ts';
import type { LintWords } from './words.ts';

const KEY_FILE_FLAWS = {
  semicolon: 'a line that begins with ; is no comment',
  'before-section': 'an option stands before the first section',
  'byte-order-mark': 'the file begins with a byte order mark',
  'no-equals-sign': 'a line has no =',
  section: 'the name of a section does not end with ]',
} as const;

export const OTHER_LINT_WORDS: LintWords<OtherRules> = {
  'arkime-unknown-key': ({ key }) => ({
    message: `Arkime 5.6 and newer exits for a key that begins with tpacketv3 and is unknown: ${key}`,
    remedy: 'take it out; there are tpacketv3BlockSize, tpacketv3NumThreads and tpacketv3ClusterId',
  }),
  'arkime-block-snaplen': ({ blockSize, snaplen }) => ({
    message: `tpacketv3BlockSize ${grouped(blockSize)} is no multiple of snapLen ${grouped(snaplen)}: Arkime exits`,
    remedy: 'tpacketv3BlockSize=2097152 and snapLen=16384',
  }),
  'arkime-snaplen-align': ({ snaplen }) => ({
    message: `snapLen ${grouped(snaplen)} is no multiple of 16, and it is the size of a frame of the ring: the kernel refuses it (EINVAL)`,
    remedy: 'snapLen=16384',
  }),
  'arkime-block-too-big': ({ blockSize }) => ({
    message: `64 blocks of ${grouped(blockSize)} bytes do not fit into 32 bits: the ring would have no frames`,
    remedy: 'tpacketv3BlockSize=33554432 at most',
  }),
  'arkime-threads-clamped': ({ given, threads }) => ({
    message: `tpacketv3NumThreads=${given} is out of range: Arkime takes ${threads}`,
    remedy: 'a number from 1 to 12 (before Arkime 3.2: 6)',
  }),
  'arkime-inline-comment': ({ key, given }) => ({
    message: `only a line that begins with # is a comment: ${key} is ${JSON.stringify(given)}`,
    remedy: 'put the comment on a line of its own',
  }),
  'arkime-key-file': ({ flaw }) => ({
    message: `${KEY_FILE_FLAWS[flaw]}: "Couldn't load config file"`,
    remedy: 'begin comments with #, and write every option below a section such as [default]',
  }),
  'arkime-not-tpacketv3': ({ method }) => ({
    message: `${method === undefined ? 'there is no pcapReadMethod, and Arkime takes libpcap' : `pcapReadMethod is ${method}`}: no group is joined`,
    remedy: 'pcapReadMethod=tpacketv3',
  }),
  'arkime-large-packets': ({ interface: device, snaplen, offloads }) => ({
    message: `${device} merges segments (${offloads.join(', ')}), and snapLen is ${grouped(snaplen)}: Arkime exits at the first packet that is longer`,
    remedy: `ethtool -K ${device} ${offloads.map((name) => `${name} off`).join(' ')}; or readTruncatedPackets=true`,
  }),
  'arkime-id-overflow': ({ id, interfaces }) => ({
    message: `group ids count up from ${id}, one for each of ${counted(interfaces, 'interface')}, and end above 65535: Arkime exits (6.6 and newer), or the id runs into the bits of the mode`,
    remedy: 'tpacketv3ClusterId=8005',
  }),
  'arkime-no-group-before-4': ({ threads }) => ({
    message: `before Arkime 4.0 no group is joined without tpacketv3ClusterId: each of ${counted(threads, 'thread')} sees every packet`,
    remedy: 'tpacketv3ClusterId=8005',
  }),
  'packetbeat-group-type': ({ type }) => ({
    message: `fanout_group with type ${type}: "fanout_group is only valid with af_packet type", and Packetbeat does not start`,
    remedy: 'type: af_packet',
  }),
  'packetbeat-group-twice': ({ id, devices }) => ({
    message: `fanout_group ${id} stands for ${joined(devices, 'and')}: the second join fails, and Packetbeat exits`,
    remedy: 'give each device its own: fanout_group: 2',
  }),
  'packetbeat-device-twice': ({ device }) => ({
    message: `${device} stands in two entries: "duplicated device configurations"`,
    remedy: 'leave one entry for it',
  }),
  'packetbeat-type': ({ given }) => ({
    message: `Packetbeat knows no type ${JSON.stringify(given)} ("unknown sniffer type"), and does not start`,
    remedy: 'type: af_packet',
  }),
  'packetbeat-no-group': ({ device }) => ({
    message: `type af_packet without fanout_group on ${device}: several Packetbeat processes would each see everything`,
    remedy: 'fanout_group: 1, if there are several',
  }),
  'packetbeat-any': ({ id }) => ({
    message: `group ${id} is of all devices: a packet that crosses a bridge or a bond is counted on each of its ports`,
    remedy: 'name the device: device: eth0',
  }),
  'packetbeat-promisc': ({ device }) => ({
    message: `${device} is not promiscuous, and auto_promisc_mode is off: Packetbeat sees only what is sent to this host`,
    remedy: 'auto_promisc_mode: true',
  }),
  'stenotype-default-mode': ({ threads }) => ({
    message: `${threads > 1 ? `${counted(threads, 'thread')} without --fanout_type` : '--fanout_id without --fanout_type'}: the default is round robin with rollover, which splits flows (harmless for storing packets, wrong for reading flows)`,
    remedy: '"Flags": ["--fanout_type=0"]',
  }),
  'netsniff-default-mode': () => ({
    message: '-C without -K: the mode is rollover, which gives everything to one process until its ring is full',
    remedy: '-K hash -L defrag',
  }),
  'heplify-no-group': () => ({
    message: '-t af_packet without -fg: one reader, and no group',
    remedy: '-fg 1 -fw 4',
  }),
};

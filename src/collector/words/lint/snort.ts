/** Words for what goes wrong in snort.lua and on the command line of Snort. Pure. */
import type { SnortRules } from '../../../deployment/rules.ts';
import { counted, grouped } from '../english.ts';
import { on } from './groups.ts';
import type { LintWords } from './words.ts';

export const SNORT_LINT_WORDS: LintWords<SnortRules> = {
  'snort-no-fanout': ({ interface: device, threads }) => ({
    message: `${threads === 'auto' ? 'several packet threads' : counted(threads, 'packet thread')} ${on(device)} and no fanout_type: each sees every packet`,
    remedy: '--daq-var fanout_type=hash',
  }),
  'snort-flag-alone': ({ given }) => ({
    message: `fanout_flag=${given} without fanout_type: no group is joined`,
    remedy: '--daq-var fanout_type=hash',
  }),
  'snort-fanout-type': ({ key, given }) => ({
    message: `${key}=${given} is no value that the module afpacket takes ("Unrecognized argument")`,
    remedy: key === 'fanout_flag' ? 'fanout_flag=defrag' : 'fanout_type=hash',
  }),
  'snort-variable-unknown': ({ key }) => ({
    message: `the module afpacket knows no variable ${key}, and ignores it silently`,
    remedy: 'take it out; it knows fanout_type, fanout_flag, buffer_size_mb, use_tx_ring and debug',
  }),
  'snort-one-thread': ({ isCommand }) => ({
    message: `fanout_type with one packet thread: a group of one${isCommand ? '' : ', unless the command line has -z'}`,
    remedy: 'snort -z 8',
  }),
  'snort-inputs': ({ threads, inputs }) => ({
    message: `thread i takes input i, and all others take the first: with ${threads === 'auto' ? 'a thread for each CPU' : counted(threads, 'thread')} and ${counted(inputs, 'input')} every later interface has one thread`,
    remedy: 'one input, as -i eth0:eth1, or a Snort process for each interface',
  }),
  'snort-buffer-wraps': ({ mebibytes, left }) => ({
    message: `buffer_size_mb=${grouped(mebibytes)} is multiplied in 32 bits: ${grouped(left)} MiB are left`,
    remedy: 'at most buffer_size_mb=4095',
  }),
  'snort-passive-pair': ({ given }) => ({
    message: `"::" in ${given} stands between inline pairs, and Snort is passive: "Invalid interface specification"`,
    remedy: '-i eth0:eth1 is a list of two interfaces; -Q makes Snort inline',
  }),
  'snort-daq-nesting': ({ path }) => ({
    message: `Snort does not start: "can't find ${path}"`,
    remedy: "daq = { modules = { { name = 'afpacket', variables = { 'fanout_type=hash' } } }, inputs = { 'eth0' } }",
  }),
  'snort-not-afpacket': ({ module }) => ({
    message: `${module === undefined ? 'no DAQ module is named, and Snort takes pcap' : `the DAQ module is ${module}`}: no group is joined`,
    remedy: '--daq afpacket',
  }),
  'snort-cli-wins': ({ what }) => ({
    message: `the command line names ${what === 'module' ? 'a DAQ module' : 'interfaces'}, too: those of this file do not count`,
    remedy: 'name them in one place',
  }),
};

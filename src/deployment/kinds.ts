/** Which program a file is for, told by what is in it, and where that says nothing by its name. Pure. */
import { captureIn, isCaptureProgram } from './commands/programs.ts';
import type { Kind } from './reading.ts';
import { commandLines } from './shell-words.ts';
import { linesOf, type Source } from './source.ts';

/** What is looked at: a real configuration says soon enough what it is. */
const TEXT_MAX = 256 * 1024;

const MARKS: readonly (readonly [Kind, RegExp])[] = [
  ['suricata-dump', /^(?:af-packet|suricata-version|outputs|vars)(?:\.[\w.-]+)? = /m],
  ['packetbeat', /^[ \t]*"?packetbeat(?:\.[\w.]+|\.ya?ml)?"?\s*:/m],
  ['suricata', /^%YAML\b/m],
  ['suricata', /^[ \t]*(?:af-packet|suricata-version)\s*:/m],
  ['stenographer', /^[ \t]*\{[\s\S]*"(?:Threads|StenotypePath|PacketsDirectory)"\s*:/],
  ['unit', /^[ \t]*(?:ExecStart|ExecStartPre)\s*=/m],
  ['unit', /^[ \t]*\[(?:Unit|Service|supervisord|supervisorctl|program:[^\]]+)\]/m],
  ['unit', /^services\s*:/m],
  ['zeek-conf', /^\[interface\s+[^\]]+\]/m],
  ['zeek-conf', /^\[zeek\][ \t]*$(?![\s\S]*^[ \t]*type\s*[=:])/m],
  ['zeek-node', /^[ \t]*type\s*[=:]\s*(?:manager|proxy|logger|worker|standalone)\b/im],
  ['zeek-node', /^[ \t]*(?:lb_procs|lb_method|af_packet_\w+|pin_cpus)\s*[=:]/m],
  ['zeek-conf', /^(?:workers|loggers|proxies|workers_cpu_list)\s*=/m],
  ['arkime', /^[ \t]*(?:pcapReadMethod|tpacketv3\w*|elasticsearch|passwordSecret|pcapDir|rotateIndex|parsersDir)\s*=/m],
  ['zeek-zeekctl', /^## Global (?:Zeek|Bro)Control configuration/m],
  [
    'zeek-zeekctl',
    /^[ \t]*(?:lb_custom\.|MailTo|SpoolDir|SitePolicyScripts|LogRotationInterval|ZeekArgs|BroArgs|CfgDir|StatsLogEnable|SiteDir)/im,
  ],
  ['zeek-script', /^[ \t]*(?:redef|@load(?:-sigs)?|@if|module|export|event|global)\b.*(?:;|\{|\w)[ \t]*$/m],
  ['snort-lua', /^[ \t]*(?:daq|snort|ips|binder|wizard|stream\w*|normalizer|HOME_NET|include|default_variables)\b\s*(?:=|\[|'|")/m],
  ['packetbeat', /^interfaces\s*:\s*(?:#.*)?\n\s+(?:-\s+)?(?:device|type|snaplen)\s*:/m],
  ['arkime', /^[ \t]*\[default\]/m],
];

export function kindOf(source: Source): Kind | undefined {
  const text = source.text.slice(0, TEXT_MAX);
  if (text.startsWith('#!')) return undefined;
  const isJson = /^[ \t]*\{/.test(text) && !/^[ \t]*\{[{%]/.test(text);
  const found = MARKS.find(([kind, mark]) => (kind === 'stenographer' || !isJson) && mark.test(withoutComments(text, kind)));
  if (found !== undefined) return found[0];
  if (isOfCommands(source)) return 'command';
  return isOfVariables(text) ? 'env' : NAMES.find(([, name]) => name.test(source.file))?.[0];
}

/** Where the content says nothing: too little is left of it, or too much is a template. */
const NAMES: readonly (readonly [Kind, RegExp])[] = [
  ['suricata', /suricata[^/]*\.ya?ml[^/]*$/],
  ['zeek-node', /node\.cfg[^/]*$/],
  ['zeek-zeekctl', /(?:zeek|bro)ctl\.cfg[^/]*$/],
  ['zeek-conf', /zeek\.conf[^/]*$/],
  ['zeek-script', /\.(?:zeek|bro)$/],
  ['snort-lua', /\.lua$/],
  ['arkime', /(?:arkime|moloch)[^/]*\.ini[^/]*$|(?:^|\/)config\.ini$/],
  ['packetbeat', /packetbeat[^/]*\.(?:ya?ml|tpl)[^/]*$/],
  ['unit', /\.service[^/]*$/],
];

function withoutComments(text: string, kind: Kind): string {
  return kind === 'suricata' || kind === 'zeek-zeekctl' ? text : text.replace(/^[ \t]*(?:#|--).*$/gm, '');
}

function isOfCommands(source: Source): boolean {
  const commands = commandLines(source.text.slice(0, TEXT_MAX), source).slice(0, 64);
  return commands.some((command) => {
    const hasDevice = command.some(({ text }) => /^(?:--vdev=)?(?:net|eth)_af_packet\d*,/.test(text));
    return hasDevice || isCaptureProgram(captureIn(command).name);
  });
}

function isOfVariables(text: string): boolean {
  let isSet = false;
  for (const line of linesOf(text)) {
    const trimmed = line.text.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    if (!/^(?:export\s+)?[A-Z_][A-Z0-9_]*=/.test(trimmed)) return false;
    isSet = true;
  }
  return isSet;
}

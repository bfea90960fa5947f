/** Words for what goes wrong in node.cfg, zeekctl.cfg, zeek.conf and scripts of Zeek. Pure. */
import type { ZeekRules } from '../../../deployment/rules.ts';
import { counted, joined } from '../english.ts';
import { on } from './groups.ts';
import type { LintWords } from './words.ts';

export const ZEEK_LINT_WORDS: LintWords<ZeekRules> = {
  'zeek-inline-comment': ({ key, given }) => ({
    message: `ZeekControl knows no comment behind a value: ${key} is ${JSON.stringify(given)}`,
    remedy: 'put the comment on a line of its own',
  }),
  'zeek-section-twice': ({ section, key, firstLine }) => ({
    message: `${key === undefined ? `[${section}]` : `${key} of [${section}]`} stands on line ${firstLine} already: ZeekControl refuses the file`,
    remedy: 'leave one of them',
  }),
  'zeek-no-section': ({ given }) => ({
    message: `${JSON.stringify(given)} is neither in a section nor an option: ZeekControl refuses the file`,
    remedy: 'remove the line, or begin it with #',
  }),
  'zeek-lb-method-missing': ({ section }) => ({
    message: `[${section}] has lb_procs and no lb_method: "no load balancing method given"`,
    remedy: 'lb_method=af_packet',
  }),
  'zeek-lb-procs-missing': ({ section }) => ({
    message: `[${section}] has lb_method and no lb_procs: "number of load-balanced processes not specified"`,
    remedy: 'lb_procs=8',
  }),
  'zeek-lb-method': ({ given }) => ({
    message: `ZeekControl knows no lb_method ${JSON.stringify(given)}: "unknown load balancing method" (af_packet needs Zeek 5.2)`,
    remedy: 'lb_method=af_packet',
  }),
  'zeek-no-manager': () => ({
    message: 'there are workers, and no manager or no proxy: ZeekControl refuses the file',
    remedy: '[manager] with type=manager, and [proxy-1] with type=proxy, each with host=localhost',
  }),
  'zeek-prefix-with-af-packet': ({ interface: device }) => ({
    message: `lb_method=af_packet adds the prefix itself: with ${device} its plugin stays inactive, and no af_packet_ option counts (group id 23)`,
    remedy: `interface=${device.replace(/^af_packet::/i, '')}`,
  }),
  'zeek-prefix-twice': ({ interface: device }) => ({
    message: `lb_custom.InterfacePrefix and the interface both have the prefix: Zeek looks for ${device}`,
    remedy: 'take one of the two out',
  }),
  'zeek-prefix-wrong': ({ given }) => ({
    message: `no packet source of Zeek is called ${JSON.stringify(given)}, so no worker starts`,
    remedy: 'lb_custom.InterfacePrefix=af_packet::',
  }),
  'zeek-custom-without-prefix': ({ interface: device }) => ({
    message: `lb_method=custom with the plain interface ${device} and no lb_custom.InterfacePrefix: every worker reads by libpcap and sees everything`,
    remedy: 'lb_method=af_packet, or lb_custom.InterfacePrefix=af_packet:: in zeekctl.cfg',
  }),
  'zeek-workers-same-interface': ({ interface: device, workers }) => ({
    message: `${counted(workers, 'worker')} read ${device} by libpcap: each sees every packet, and logs it`,
    remedy: 'one section with lb_method=af_packet and lb_procs=N; in zeek.conf, interface = af_packet::IF',
  }),
  'zeek-default-id-shared': ({ interfaces }) => ({
    message: `${joined(interfaces, 'and')} have no fanout id of their own, and Zeek takes 23 for each: the second group is refused`,
    remedy: 'af_packet_fanout_id=24 in one of the sections; in zeek.conf, worker_args = AF_Packet::fanout_id=24',
  }),
  'zeek-option-without-lb-procs': ({ key }) => ({
    message: `ZeekControl writes ${key} only for workers with lb_procs: here it is ignored`,
    remedy: `lb_procs=1 with an lb_method, or redef AF_Packet::${key.replace(/^af_packet_/, '')} in local.zeek`,
  }),
  'zeek-option-unknown': ({ key, since }) => ({
    message:
      since === undefined
        ? `ZeekControl knows no option ${key}: it warns, and ignores it`
        : `ZeekControl reads ${key} since Zeek ${since}: before, it warns and ignores it`,
    remedy:
      since === undefined
        ? 'see the spelling: af_packet_fanout_id, af_packet_fanout_mode, af_packet_buffer_size, ...'
        : `redef AF_Packet::${key.replace(/^af_packet_/, '')} = ...; in local.zeek`,
  }),
  'zeek-option-in-env-vars': ({ key }) => ({
    message: `env_vars sets ${key} as a variable of the process, which nothing reads`,
    remedy: `write it as an option: ${key}=...`,
  }),
  'zeek-enum': ({ given }) => ({
    message: `Zeek knows no fanout mode ${given} ("unknown identifier"), and does not start`,
    remedy: 'AF_Packet::FANOUT_HASH',
  }),
  'zeek-fanout-off': ({ interface: device, workers }) => ({
    message: `enable_fanout is F for ${counted(workers, 'worker')} ${on(device)}: each sees every packet`,
    remedy: 'take af_packet_enable_fanout out',
  }),
  'zeek-id-from-code': ({ given }) => ({
    message: `the fanout id is computed when Zeek starts (${given}): the file does not tell it`,
    remedy: 'write the number: redef AF_Packet::fanout_id = 24;',
  }),
  'zeek-value-split': ({ key, flaw }) => ({
    message:
      flaw === 'continued'
        ? `the value of ${key} goes on in an indented line, and so holds a line break`
        : `a single % in ${key}: ZeekControl refuses it (InterpolationSyntaxError)`,
    remedy: flaw === 'continued' ? 'write it on one line' : 'write %%',
  }),
  'zeek-pin-short': ({ cpus, procs }) => ({
    message: `pin_cpus has ${counted(cpus, 'CPU')} for ${counted(procs, 'worker')}: some share one`,
    remedy: `list ${procs} different CPUs`,
  }),
  'zeek-interfaces-count': ({ interfaces, procs }) => ({
    message: `lb_interfaces has ${counted(interfaces, 'interface')}, and lb_procs is ${procs}: ZeekControl wants equal numbers`,
    remedy: `lb_procs=${interfaces}`,
  }),
  'zeek-conf-workers': ({ section, lacks }) => ({
    message: `${section === '' ? 'the file' : `[${section}]`} has no ${lacks}: the generator refuses it`,
    remedy: lacks === 'workers' ? 'workers = 4' : 'interface = af_packet::eth0',
  }),
  'zeek-conf-twice': ({ section, key }) => ({
    message: `${key === undefined ? `[${section}]` : `${key}${section === '' ? '' : ` of [${section}]`}`} stands here a second time: the generator refuses the file`,
    remedy: 'leave one of them',
  }),
  'zeek-conf-unknown-key': ({ key }) => ({
    message: `the generator does not know ${key}, and in a file without sections it ignores that silently`,
    remedy: 'write the sections [zeek] and [interface NAME]: there an unknown key is an error',
  }),
  'zeek-conf-template-interface': ({ interface: device, workers }) => ({
    message: `${device} is another interface for each of ${counted(workers, 'worker')}, all with one fanout id: only the first join succeeds`,
    remedy: 'worker_args = AF_Packet::enable_fanout=F, as each worker has an interface to itself',
  }),
};

/** How deep each IDS looks into a packet, by its sources (docs/encapsulations.md): steered by more than that, one flow of its would be scattered. */
import type { SteeredLayer } from '../model/steering.ts';

/** Programs that can be cured. */
export const IDS_NAMES = ['suricata', 'zeek', 'snort', 'arkime', 'packetbeat'] as const;
export type IdsName = (typeof IDS_NAMES)[number];

const [S, Z, N, A, P] = IDS_NAMES;

/** Options that are not on by default do not count. */
const OPENED_BY: Readonly<Record<SteeredLayer, readonly IdsName[]>> = {
  ip: [S, Z, N, A, P],
  gre: [S, Z, N, A],
  'gre-route': [S, N, A],
  'gre-vlan': [S, N],
  'gre-ppp': [S, A],
  'gre-mpls': [N, A],
  'gre-nsh': [A],
  pptp: [S, A],
  erspan1: [S, Z, A],
  erspan2: [S, Z, N, A],
  erspan3: [Z, N, A],
  eoip: [],
  ah4: [N, A],
  ah6: [S, Z, N, A],
  mobility: [S, Z, N],
  ext: [S],
  etherip: [],
  ethernet: [],
  'mpls-ip': [N],
  vxlan: [S, Z, N, A],
  'vxlan-gpe': [A],
  geneve: [S, Z, N, A],
  'geneve-vlan': [N],
  'geneve-mpls': [N, A],
  'geneve-nsh': [A],
  gtpu: [Z, N, A],
  'gtp-old': [N],
  teredo: [S, Z, N],
  'gre-udp': [Z],
  ayiya: [Z],
  l2tp: [],
  'mpls-udp': [],
  lisp: [],
  capwap: [],
  cmd: [N, A],
  fabricpath: [S, Z, N],
  vntag: [S, Z],
  etag: [S],
  pbb: [S, Z],
  snap: [Z, N],
  nsh: [S, A],
  'mpls-pw': [S],
  'mpls-ethernet': [N],
  'frame-relay': [A],
  wlan: [Z],
  hsr: [],
  batman: [],
  garland: [],
};

/** Which of them a process is, by the name that it gives itself. */
export function idsCalled(comm: string): IdsName | undefined {
  return NAMED.find(([pattern]) => pattern.test(comm))?.[1];
}

const NAMED: readonly (readonly [RegExp, IdsName])[] = [
  [/^suricata/i, 'suricata'],
  [/^(?:zeek|bro)$/, 'zeek'],
  [/^snort/i, 'snort'],
  [/^(?:arkime-|moloch-)?capture$/, 'arkime'],
  [/^packetbeat/, 'packetbeat'],
];

/** As each writes its own name. */
export const IDS_TITLES: Readonly<Record<IdsName, string>> = {
  suricata: 'Suricata',
  zeek: 'Zeek',
  snort: 'Snort',
  arkime: 'Arkime',
  packetbeat: 'Packetbeat',
};

/** What all of these look into. */
export function layersOpenedBy(readers: readonly IdsName[]): readonly SteeredLayer[] {
  return (Object.keys(OPENED_BY) as SteeredLayer[]).filter((layer) => readers.every((reader) => OPENED_BY[layer].includes(reader)));
}

// The kernels that `npm run kernels` boots, and what is done on each. `uml` is user-mode Linux, a kernel that is a program of this machine;
// `qemu` is an emulated machine, five to ten times slower.

/** What needs a module to be absent comes before the module is loaded. */
const WITHOUT_MODULES = [
  ...['version', 'load-veth', 'link', 'no-tun-lab', 'no-tun-compare', 'no-tun-nic', 'no-diag-live', 'no-diag-group', 'no-diag-taken'],
  ...['no-diag-beside', 'no-diag-joined', 'no-diag-defrag'],
];
const LIVE = ['load-diag', 'facts', 'live', 'live-outgoing', 'live-ignore-outgoing', 'taken', 'down'];
const IN_THE_LAB = ['load-tun', 'lab', 'user', 'no-sys', 'no-proc', 'no-proc-version'];
const MODES = ['mode-lb', 'mode-cpu', 'mode-rollover', 'mode-rnd', 'mode-qm', 'mode-hash-defrag', 'mode-cbpf-none', 'mode-ebpf-none'];
/** The built-in programs. A kernel without BPF_FLOW_DISSECTOR_CONTINUE (before 6.1) takes the other variant. */
const STEERED = ['steer-loads', 'steer-hash', 'steer-addresses', 'steer-ports', 'steer-group'];
const steered = (traits) => [...STEERED, traits.includes('noContinue') ? 'steer-dissector-fallback' : 'steer-dissector'];
export const ALL_STEPS = [...WITHOUT_MODULES, ...LIVE, ...IN_THE_LAB, ...MODES, 'matrix', 'churn'];
/** What the kernel's hash decides. */
const HASH_STEPS = ['version', 'load-veth', 'link', 'load-tun', 'lab', 'matrix-known', 'probe'];
/** Where every step takes a minute. */
const EMULATED_STEPS = [
  ...[
    'version',
    'load-veth',
    'link',
    'no-tun-lab',
    'no-diag-group',
    'no-diag-taken',
    'load-diag',
    'facts',
    'live-ignore-outgoing',
    'taken',
    'down',
  ],
  ...['load-tun', 'lab', 'user', 'no-sys', 'no-proc', 'matrix-known'],
];

/**
 * What a kernel is known to do otherwise than the newest.
 * bugA, bugB, bugC: docs/verdicts.md; noBugD: bug D was mended. jointPorts: ports are exchanged together with addresses (before 1e60cebf8294). noHsr: HSR and PRP are not
 * dissected. keepsOutgoing: the flag ignore-outgoing has no effect. refusesDown: no group on a link that is down. spreadsTagged: frames that
 * were sent with a VLAN tag in their bytes use all members. noContinue: a dissector cannot leave a packet to the kernel. asksWithFlag: fanout asks the
 * dissector with a flag.
 */
const SINCE_6_12 = ['refusesDown'];
const SINCE_6_1 = [...SINCE_6_12, 'keepsOutgoing'];
const SINCE_5_10_146 = [...SINCE_6_1, 'noHsr', 'noContinue'];
const BEFORE_5_10_146 = [...SINCE_5_10_146, 'bugB', 'bugC', 'jointPorts', 'spreadsTagged', 'asksWithFlag'];

const uml = (name, suite, traits) => ({
  name,
  kind: 'uml',
  suite,
  packages: ['user-mode-linux'],
  traits,
  steps: [...ALL_STEPS, ...steered(traits)],
});
/** From 6.19 on, image and modules have packages of their own. */
const emulated = (name, suite, release, traits, packages = [`linux-image-${release}`]) => ({
  ...{ name, kind: 'qemu', suite, release, packages, traits },
  steps: [...EMULATED_STEPS, ...steered(traits)],
});
/** Of Debian's source, with patches of scripts/kernels/source: what it does and what its release says differ. */
const built = (name, suite, build, traits) => ({ name, kind: 'uml', suite, packages: [build.source], build, traits, steps: HASH_STEPS });
const apart = (release) => [`linux-binary-${release}`, `linux-modules-${release}`];

export const KERNELS = [
  uml('uml-5.10', 'bullseye', BEFORE_5_10_146),
  emulated('5.10', 'bullseye', '5.10.0-30-cloud-amd64', SINCE_5_10_146),
  uml('uml-6.1', 'bookworm', SINCE_6_1),
  emulated('6.1', 'bookworm', '6.1.0-50-cloud-amd64', SINCE_6_1),
  uml('uml-6.12', 'trixie', SINCE_6_12),
  emulated('6.12', 'trixie', '6.12.117+deb13-cloud-amd64', SINCE_6_12),
  emulated('6.18', 'trixie-backports', '6.18.15+deb13-cloud-amd64', []),
  uml('uml-7.2', 'sid', []),
  built('6.12-bug-a', 'trixie', { source: 'linux-source-6.12', patches: ['bug-a'] }, [...SINCE_6_12, 'bugA']),
  built('6.12-bug-b', 'trixie', { source: 'linux-source-6.12', patches: ['bug-b', 'bug-d-mended'] }, [...SINCE_6_12, 'bugB', 'noBugD']),
  emulated('7.3', 'trixie-backports', '7.3.4+deb13-cloud-amd64', [], apart('7.3.4+deb13-cloud-amd64')),
];

/** Sets of kernels by one name. */
export const SETS = {
  uml: KERNELS.filter(({ kind, build }) => kind === 'uml' && build === undefined).map(({ name }) => name),
  qemu: KERNELS.filter(({ kind }) => kind === 'qemu').map(({ name }) => name),
  built: KERNELS.filter(({ build }) => build !== undefined).map(({ name }) => name),
  nightly: ['6.12-bug-a', '6.12-bug-b', 'uml-7.2', '5.10', '7.3'],
};

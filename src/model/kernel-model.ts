/** How kernels hash for mode hash, where they differ: what was changed by design, and the bugs. The addon computes kernel keys by it. */
import { has, isAtLeast, type KernelIdentity, type KernelRelease, type Presence, parseKernelRelease } from './kernel-release.ts';

/** How much of a PPPoE session header is understood: see native/core/packet/kernel_model.hpp. */
export const PPPOE_READINGS = ['plain', 'checked', 'compressed'] as const;
export type PppoeReading = (typeof PPPOE_READINGS)[number];

/** What a kernel was meant to do. */
export interface KernelDesign {
  /** Ports are exchanged where addresses are, instead of being sorted by themselves. */
  readonly portsWithAddresses: boolean;
  /** The tags of HSR and PRP are passed over. */
  readonly readsHsr: boolean;
  readonly pppoe: PppoeReading;
}

export interface KernelBugs {
  readonly b: boolean;
  readonly c: boolean;
  readonly d: boolean;
}

export interface KernelModel {
  readonly design: KernelDesign;
  readonly bugs: KernelBugs;
}

export const CURRENT_DESIGN: KernelDesign = { portsWithAddresses: false, readsHsr: true, pppoe: 'checked' };
/** No kernel is known to be free of bug D. */
export const CURRENT_MODEL: KernelModel = { design: CURRENT_DESIGN, bugs: { b: false, c: false, d: true } };

export function isCurrent({ portsWithAddresses, readsHsr, pppoe }: KernelDesign): boolean {
  return portsWithAddresses === CURRENT_DESIGN.portsWithAddresses && readsHsr === CURRENT_DESIGN.readsHsr && pppoe === CURRENT_DESIGN.pppoe;
}

/** Commit 1e60cebf8294 "net: let flow have same hash in two directions". */
export function sortsPorts(release: KernelRelease): Presence {
  return has(release, [5, 14], [[5, 10, 146]]);
}

/** Where the numbers do not tell, the base version decides. */
export function designOf(release: KernelRelease): KernelDesign {
  return {
    portsWithAddresses: sortsPorts(release) !== 'yes',
    // bf08824a0f47 "flow_dissector: Add support for HSR", f65e58440d4f for version 0 and PRP.
    readsHsr: isAtLeast(release, 5, 18),
    pppoe: pppoeReading(release),
  };
}

/**
 * Whether the numbers leave open how the kernel was meant to hash, so that it has to be asked: vendors take changes over into branches with
 * older numbers. What 7.1 has is the newest that is known.
 */
export function isDesignOpen(kernel: string | KernelIdentity): boolean {
  const release = parseKernelRelease(kernel);
  return release?.isVague === true && !isAtLeast(release, 7, 1);
}

/** By what a kernel said when it was asked, else by its release; nothing where neither tells. */
export function designBy(kernel: string | KernelIdentity, asked?: KernelDesign): KernelDesign | undefined {
  if (asked !== undefined) return asked;
  const release = parseKernelRelease(kernel);
  return release === undefined ? undefined : designOf(release);
}

/** Of a kernel that does not hash as current ones are meant to; nothing of one that does, or of which nothing is known. */
export function olderDesign(kernel: string | KernelIdentity, asked?: KernelDesign): KernelDesign | undefined {
  const design = designBy(kernel, asked);
  return design === undefined || isCurrent(design) ? undefined : design;
}

/** In what it differs from current ones, for people. */
export function designText({ portsWithAddresses, readsHsr, pppoe }: KernelDesign): string {
  const found = [
    ...(portsWithAddresses ? ['exchanges ports together with addresses'] : []),
    ...(readsHsr ? [] : ['does not look behind tags of HSR and PRP']),
    ...(pppoe === 'plain' ? ['reads any PPPoE header'] : []),
    ...(pppoe === 'compressed' ? ['reads compressed protocol numbers of PPPoE'] : []),
  ];
  return found.length < 2 ? found.join('') : `${found.slice(0, -1).join(', ')} and ${found.at(-1)}`;
}

/** Branches of stable releases from 6.0 on in which compressed protocol numbers are read no more (CVE-2026-46306), by the first that has it. */
const NOT_COMPRESSED = [
  [6, 1, 175],
  [6, 6, 140],
  [6, 12, 88],
  [6, 18, 30],
  [7, 0, 7],
] as const;

function pppoeReading(release: KernelRelease): PppoeReading {
  if (!isAtLeast(release, 6, 0)) return 'plain';
  return has(release, [7, 1], NOT_COMPRESSED) === 'no' ? 'compressed' : 'checked';
}

/** Commit 64ae13ed4784 "net: core: fix flow symmetric hash", of the bug of c3f8324188fa (4.2). */
export function hasBugB(release: KernelRelease): Presence {
  if (!isAtLeast(release, 4, 2)) return 'no';
  return not(
    has(
      release,
      [6, 0],
      [
        [5, 10, 146],
        [5, 15, 71],
        [5, 19, 12],
      ],
    ),
  );
}

/** Commit a5e2151ff9d5 "net/ipv6: SKB symmetric hash should incorporate transport ports", of the bug of eb70db875671 (4.7). */
export function hasBugC(release: KernelRelease): Presence {
  if (!isAtLeast(release, 4, 7)) return 'no';
  return not(
    has(
      release,
      [6, 6],
      [
        [5, 10, 195],
        [5, 15, 132],
        [6, 1, 54],
        [6, 5, 4],
      ],
    ),
  );
}

function not(presence: Presence): Presence {
  return presence === 'unknown' ? presence : presence === 'yes' ? 'no' : 'yes';
}

/**
 * Where the numbers do not tell whether a bug was mended, it counts as not mended: a prediction then says what an unmended kernel does, and
 * says that it assumed so.
 */
export function modelOf(release: KernelRelease): KernelModel {
  return {
    design: designOf(release),
    bugs: { b: hasBugB(release) !== 'no', c: hasBugC(release) !== 'no', d: hasBugD(release) },
  };
}

/**
 * It takes padding at the end of struct flow_keys: in mainline since the member for ICMP (5.5), and in 4.14 since its keys are aligned for
 * siphash. 5.4 has none.
 */
function hasBugD(release: KernelRelease): boolean {
  return isAtLeast(release, 5, 5) || (release.major === 4 && release.minor === 14);
}

/** What modelOf() decided although the numbers do not tell: in words. */
export function assumptionsOf(release: KernelRelease): readonly string[] {
  const unknown = (presence: Presence, text: string) => (presence === 'unknown' ? [text] : []);
  return [
    ...unknown(sortsPorts(release), 'it exchanges ports together with addresses'),
    ...unknown(hasBugB(release), 'bug B was not mended'),
    ...unknown(hasBugC(release), 'bug C was not mended'),
  ];
}

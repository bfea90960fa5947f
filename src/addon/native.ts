/** Loads the addon. The only file that does; each binding has a file of types beside it. */
import { join } from 'node:path';
import { FanoutError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';
import { descriptorPath, WORKER_DESCRIPTORS } from '../worker-descriptors.ts';
import type { CaptureAddon } from './capture.ts';
import type { DescriptorsAddon } from './descriptors.ts';
import type { DissectAddon } from './dissect.ts';
import type { EthtoolAddon } from './ethtool.ts';
import type { FlowMapAddon } from './flow-map.ts';
import type { FrameCollectorAddon } from './frame-collector.ts';
import type { HelperAddon } from './helper.ts';
import type { HostAddon } from './host.ts';
import type { InjectorAddon } from './injector.ts';
import type { KernelHashAddon } from './kernel-hash.ts';
import type { LabTagAddon } from './lab-tag.ts';
import type { MessageAddon } from './message.ts';
import type { NicAddon } from './nic.ts';
import type { ObservationsAddon } from './observations.ts';
import type { PacketSocketsAddon } from './packet-sockets.ts';
import type { PredictionAddon } from './prediction.ts';
import type { PrivilegesAddon } from './privileges.ts';
import type { ProcessAddon } from './process.ts';
import type { SteeringAddon } from './steering.ts';
import type { TapAddon } from './tap.ts';

export interface Native
  extends CaptureAddon,
    DescriptorsAddon,
    DissectAddon,
    EthtoolAddon,
    FlowMapAddon,
    FrameCollectorAddon,
    HelperAddon,
    HostAddon,
    InjectorAddon,
    KernelHashAddon,
    LabTagAddon,
    MessageAddon,
    NicAddon,
    ObservationsAddon,
    PacketSocketsAddon,
    PredictionAddon,
    PrivilegesAddon,
    ProcessAddon,
    SteeringAddon,
    TapAddon {
  readonly wireVersion: number;
}

/** Changes with native/core/wire/wire.hpp and the records it writes, and with what a capture is given and counts. */
const WIRE_VERSION = 5;

/** A worker that cannot reach the package is given both by descriptor. */
export const ADDON_PATH =
  process.argv[1] === descriptorPath(WORKER_DESCRIPTORS.script)
    ? descriptorPath(WORKER_DESCRIPTORS.addon)
    : join(packageRoot(), 'build', 'Release', 'fanout.node');

function load(): Native {
  const addonModule = { exports: {} };
  try {
    process.dlopen(addonModule, ADDON_PATH);
  } catch (cause) {
    throw new FanoutError(
      'ADDON_MISSING',
      `cannot load the native addon ${ADDON_PATH}: ${(cause as Error).message.split('\n')[0]}`,
      'build it with `npm rebuild` in the package (needs a C++20 compiler, make and Python 3); after a change of the Node.js version too',
      { cause },
    );
  }
  const addon = addonModule.exports as Native;
  if (addon.wireVersion !== WIRE_VERSION)
    throw new FanoutError(
      'ADDON_MISSING',
      `the native addon ${ADDON_PATH} has record layout ${addon.wireVersion}, this program needs ${WIRE_VERSION}`,
      'it is left over from another version: run `npm rebuild`',
    );
  return addon;
}

export const native: Native = load();

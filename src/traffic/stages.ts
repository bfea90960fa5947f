/** How the turns of a talk become frames: one each as a rule, two where a datagram is in pieces or is seen twice. */
import { fragmentOf, joinParts, LINK, type Network, type Part, type PartFactory } from './envelopes.ts';
import type { Exchange, PayloadSizes, Transport } from './exchanges.ts';
import { type Layer, stackText } from './frames.ts';
import { ERROR_TURNS, isErrorTurn, isFragmentTurn, openError, openFragmentedUdp, openQuotedUdp } from './messages.ts';
import { createTalk, type Family, SIDE, type Talk } from './parties.ts';

/** Writes frame after frame of any number of flows of one class. Between two frames nothing but the talk remembers the flow. */
export interface Stage {
  /** Loads the talk's next frame and returns its layers from the transport header inwards; sets whose frame it is. */
  inner(talk: Talk): readonly Layer[];
  /** After inner(): the layers in front. */
  outer(talk: Talk): readonly Layer[];
  /** After the frame. */
  advance(talk: Talk): void;
}

/** What is said in a turn, and one envelope for each frame of it. */
interface Delivery {
  readonly exchange: Exchange;
  readonly envelopes: readonly Part[];
}

function createStage(deliveryOf: (talk: Talk) => Delivery): Stage {
  return {
    inner: (talk) => deliveryOf(talk).exchange.say(talk),
    outer: (talk) => {
      const envelope = deliveryOf(talk).envelopes[talk.piece] as Part;
      envelope.load?.(talk);
      return talk.side === SIDE.initiator ? envelope.initiator : envelope.responder;
    },
    advance: (talk) => {
      const { exchange, envelopes } = deliveryOf(talk);
      talk.piece += 1;
      if (talk.piece < envelopes.length) return;
      exchange.advance?.(talk);
      talk.piece = 0;
      talk.turn += 1;
    },
  };
}

export type OpenStage = (sizes: PayloadSizes) => Stage;

/** One frame a turn, or one for each of several ways in which the packet is seen. */
export function seenIn(ways: readonly (readonly PartFactory[])[], open: Transport['open']): OpenStage {
  return (sizes) => {
    const delivery = { exchange: open(sizes), envelopes: ways.map(joinParts) };
    return createStage(() => delivery);
  };
}

export interface Fragmentation {
  /** The front of each datagram in pieces was lost. */
  readonly isHeadless?: boolean;
  /** Whether each datagram has a number of its own. */
  readonly numbers?: 'own' | 'reused';
}

/** Whole datagrams, and datagrams in two pieces, of one flow. */
export function fragmented(
  link: readonly PartFactory[],
  network: Network,
  udp: Transport,
  { isHeadless = false, numbers = 'own' }: Fragmentation = {},
): OpenStage {
  return (sizes) => {
    const whole = { exchange: udp.open(sizes), envelopes: [joinParts([...link, network.create])] };
    const rears = isHeadless ? [true] : [false, true];
    const pieces = rears.map((rear) => joinParts([...link, fragmentOf(network.family, rear, numbers)]));
    const cut = { exchange: openFragmentedUdp(sizes, isHeadless), envelopes: pieces };
    return createStage((talk) => (isFragmentTurn(talk) ? cut : whole));
  };
}

/** Datagrams, and errors about them. */
export function withErrors(network: Network, errorNetwork: PartFactory, family: Family, from: 'peer' | 'router'): OpenStage {
  return (sizes) => {
    const datagrams = { exchange: openQuotedUdp(sizes), envelopes: [joinParts([LINK, network.create])] };
    const errors = { exchange: openError(family, from)(sizes), envelopes: [joinParts([LINK, errorNetwork])] };
    return createStage((talk) => (isErrorTurn(talk) ? errors : datagrams));
  };
}

/** Enough turns for every kind of frame that a class has. */
const SAMPLE_TURNS = 4 * ERROR_TURNS;

/** The stack texts of a class's frames, that of the first frame first. */
export function stacksOf(open: OpenStage): readonly string[] {
  const stage = open({ payloadMin: 64, payloadMax: 64 });
  const talk = { ...createTalk(), packets: SAMPLE_TURNS };
  const stacks = new Set<string>();
  while (talk.turn < SAMPLE_TURNS) {
    const inner = stage.inner(talk);
    stacks.add(stackText([...stage.outer(talk), ...inner]));
    stage.advance(talk);
  }
  return [...stacks];
}

/**
 * What a node knows of the others by what it hears on the bus: whether it missed a hint of theirs,
 * and whether one of them has fallen silent, and may commit without our hearing of it. Pure.
 *
 *     hint n ──▶ n is one more than the last: nothing was missed │ else: something was
 *     beat n ──▶ n is the last: nothing was missed │ else: something was
 *     nothing for three beats ──▶ silent ──▶ forgotten after ten minutes: it is dead
 */
import type { HintMessage } from "./hint-bus.ts";

/** How often a node says that it is there, ms. Costs the bus some 60 bytes. */
export const BEAT_MS = 5000;
/** Without a word for so long a node is silent: it is dead, or cut off from the bus, ms. */
export const SILENCE_MS: number = 3 * BEAT_MS;
/** A node that was cut off for so long has been ended by somebody, ms. */
const FORGET_MS = 10 * 60_000;
/** Nodes remembered at most. A store has some ten; strangers must not fill memory. */
const PEER_COUNT_MAX = 1000;

interface Peer {
  sequence: number;
  heardMs: number;
}

export class HintPeers {
  /** Heard of last, last. */
  readonly #peers = new Map<string, Peer>();

  /** Notes a message. True when something was missed that its node had said before. */
  hear(message: HintMessage, nowMs: number): boolean {
    const { nodeId } = message;
    const peer = this.#peers.get(nodeId);
    if (message.kind === "farewell") {
      this.#peers.delete(nodeId);
      return false;
    }
    const before = message.kind === "hint" ? message.sequence - 1 : message.sequence;
    // One that came late, or twice, says nothing new.
    const sequence = Math.max(message.sequence, peer?.sequence ?? 0);
    this.#peers.delete(nodeId);
    this.#peers.set(nodeId, { sequence, heardMs: nowMs });
    if (this.#peers.size > PEER_COUNT_MAX) this.#forgetOldest();
    return before > (peer?.sequence ?? 0);
  }

  /** The connection is back: nobody could be heard until now. */
  pardon(nowMs: number): void {
    for (const peer of this.#peers.values()) peer.heardMs = nowMs;
  }

  /** Whether a node may be committing without our hearing of it. */
  hasSilent(nowMs: number): boolean {
    let isSilent = false;
    for (const [nodeId, { heardMs }] of this.#peers) {
      const ms = nowMs - heardMs;
      if (ms >= FORGET_MS) this.#peers.delete(nodeId);
      else if (ms >= SILENCE_MS) isSilent = true;
    }
    return isSilent;
  }

  /** Nodes that are heard of. */
  get count(): number {
    return this.#peers.size;
  }

  #forgetOldest(): void {
    const [oldest] = this.#peers.keys();
    if (oldest !== undefined) this.#peers.delete(oldest);
  }
}

import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** A connection as its requests know it: of HTTP/1.1 its socket, of HTTP/2 its session. */
export type Peer = Socket | ServerHttp2Session;

/**
 * Which connections have no request open, and which of them for longest: these make room when there
 * are as many as there may be.
 *
 *     accepted ──▶ idle ──▶ request ──▶ busy ──▶ its last request is over ──▶ idle …
 */
export class IdlePeers {
  /** Idle for longest first. */
  readonly #idle = new Set<Peer>();
  /** How many requests each busy one has open. */
  readonly #busy = new Map<Peer, number>();

  /** There is a new one. */
  add(peer: Peer): void {
    this.#idle.add(peer);
    peer.once("close", () => this.delete(peer));
  }

  /** It is closed, or another one speaks for it. */
  delete(peer: Peer): void {
    this.#idle.delete(peer);
    this.#busy.delete(peer);
  }

  /** A request begins. */
  begin(peer: Peer): void {
    this.#idle.delete(peer);
    this.#busy.set(peer, (this.#busy.get(peer) ?? 0) + 1);
  }

  /** A request is over. */
  end(peer: Peer): void {
    const count = this.#busy.get(peer);
    if (count === undefined) return;
    if (count > 1) {
      this.#busy.set(peer, count - 1);
      return;
    }
    this.#busy.delete(peer);
    if (!peer.destroyed) this.#idle.add(peer);
  }

  isBusy(peer: Peer): boolean {
    return this.#busy.has(peer);
  }

  /** Closes the one that is idle for longest. False: all are busy. */
  closeLongest(): boolean {
    for (const peer of this.#idle) {
      this.#idle.delete(peer);
      peer.destroy();
      return true;
    }
    return false;
  }
}

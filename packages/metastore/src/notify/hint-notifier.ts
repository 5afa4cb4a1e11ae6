/**
 * Learns what other nodes commit from hints of theirs (`--notify nats://…`):
 *
 *     a node's commit ──▶ hint (volume, LSN) ──▶ watched here? ──▶ is it there? ──▶ watchers are told
 *
 *     hearing ──the bus is gone, or a node fell silent──▶ deaf: watched volumes are probed
 *        ▲                                                  │
 *        └── all is heard again: each is looked at once ◀───┘
 *
 * Hints are numbered by their node, and every node says now and then how many it has sent. So one
 * that was lost is missed: then each watched volume is looked at once. While all goes well, a
 * volume that does not move costs the store nothing.
 */
import {
  type Clock,
  encodeHex,
  isGraftError,
  type Lsn,
  mapConcurrent,
  type Random,
  randomBytes,
  Supervisor,
  type VolumeId,
} from "@graft/core";
import type { Log } from "@graft/rpc";
import type { KnownHeads } from "../known-heads.ts";
import { type HintBus, type HintMessage, NODE_ID_SIZE } from "./hint-bus.ts";
import { BEAT_MS, HintPeers } from "./hint-peers.ts";
import type { NewsReader } from "./news-reader.ts";
import type { Notifier } from "./notifier.ts";
import { ProbeNotifier } from "./probe-notifier.ts";

/** Volumes looked at side by side after something was missed. */
const LOOK_CONCURRENCY = 16;

export interface HintNotifierOptions {
  readonly bus: HintBus;
  readonly heads: KnownHeads;
  readonly news: NewsReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What happened so far. */
export interface HintCounts {
  readonly sent: number;
  readonly received: number;
  /** Hints of commits that were not there. */
  readonly untrue: number;
  /**
   * How often all watched volumes were looked at, because something was or may have been missed.
   */
  readonly looks: number;
}

export class HintNotifier implements Notifier {
  readonly #options: HintNotifierOptions;
  readonly #nodeId: string;
  readonly #supervisor: Supervisor;
  /** Looks for news while hints cannot be relied on. */
  readonly #fallback: ProbeNotifier;
  readonly #listening: AsyncDisposable;
  readonly #peers = new HintPeers();
  readonly #watched = new Set<VolumeId>();
  /** The highest LSN hinted at, of volumes that are being followed. */
  readonly #followed = new Map<VolumeId, Lsn>();
  readonly #counts = { sent: 0, received: 0, untrue: 0, looks: 0 };
  #sequence = 0;
  #isDeaf = true;
  #isLooking = false;
  #mustLookAgain = false;
  /** A look failed. What failed now would fail again at once: the next beat tries again. */
  #hasFailed = false;

  constructor(options: HintNotifierOptions) {
    const { bus, random, log } = options;
    this.#options = options;
    this.#nodeId = encodeHex(randomBytes(random, NODE_ID_SIZE));
    this.#supervisor = new Supervisor(({ task, error }) => {
      log.error({ task, err: error }, "background task failed");
    });
    this.#fallback = new ProbeNotifier(options);
    this.#listening = bus.listen({
      onMessage: (message) => this.#hear(message),
      onConnection: (isConnected) => this.#connected(isConnected),
    });
    if (bus.isConnected) this.#connected(true);
    this.#supervisor.start("beats", (signal) => this.#beat(signal));
  }

  watch(volumeId: VolumeId): void {
    this.#watched.add(volumeId);
    if (this.#isDeaf) this.#fallback.watch(volumeId);
  }

  leave(volumeId: VolumeId): void {
    this.#watched.delete(volumeId);
    this.#fallback.leave(volumeId);
  }

  committed(volumeId: VolumeId, lsn: Lsn): void {
    // Counted also when it cannot be sent: then the next beat tells that it was missed.
    this.#sequence++;
    this.#counts.sent++;
    const [nodeId, sequence] = [this.#nodeId, this.#sequence];
    this.#options.bus.send({ kind: "hint", nodeId, sequence, volumeId, lsn });
  }

  moved(volumeId: VolumeId): void {
    this.#fallback.moved(volumeId);
  }

  /** Whether hints come through, as far as can be told. */
  get isHearing(): boolean {
    return !this.#isDeaf;
  }

  /** Other nodes that are heard of. */
  get peerCount(): number {
    return this.#peers.count;
  }

  get counts(): HintCounts {
    return this.#counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.bus.send({ kind: "farewell", nodeId: this.#nodeId });
    await this.#listening[Symbol.asyncDispose]();
    await this.#supervisor[Symbol.asyncDispose]();
    await this.#fallback[Symbol.asyncDispose]();
  }

  #hear(message: HintMessage): void {
    if (message.nodeId === this.#nodeId) return;
    const { clock } = this.#options;
    if (this.#peers.hear(message, clock.monotonicMs())) this.#lookAtAll();
    if (message.kind !== "hint") return;
    this.#counts.received++;
    this.#follow(message.volumeId, message.lsn);
  }

  /** Goes after a hint, one at a time for each volume: those that come meanwhile are one more. */
  #follow(volumeId: VolumeId, lsn: Lsn): void {
    const { heads, news, log } = this.#options;
    if (!this.#watched.has(volumeId) || heads.covers(volumeId, lsn)) return;
    const before = this.#followed.get(volumeId);
    if (before === undefined || before < lsn) this.#followed.set(volumeId, lsn);
    if (before !== undefined) return;
    this.#supervisor.start(`hint of ${volumeId}`, async (signal) => {
      try {
        for (;;) {
          const next = this.#followed.get(volumeId);
          if (next === undefined || heads.covers(volumeId, next)) return;
          if (await news.follow(volumeId, next, signal)) continue;
          this.#counts.untrue++;
          if (this.#followed.get(volumeId) === next) return;
        }
      } catch (error) {
        if (signal.aborted || !isGraftError(error)) throw error;
        log.warn({ volume: volumeId, error: error.message }, "a hint could not be followed");
        this.#hasFailed = true;
      } finally {
        this.#followed.delete(volumeId);
      }
    });
  }

  #connected(isConnected: boolean): void {
    const { bus, clock, log } = this.#options;
    if (isConnected) this.#peers.pardon(clock.monotonicMs());
    log.info({ bus: bus.name, connected: isConnected }, "hints between nodes");
    this.#listenAnew();
    // The others learn that we are there, and what they missed.
    if (isConnected) this.#sayBeat();
  }

  /** After whatever changes what can be heard. */
  #listenAnew(): void {
    const { bus, clock, log } = this.#options;
    const isDeaf = !bus.isConnected || this.#peers.hasSilent(clock.monotonicMs());
    if (isDeaf === this.#isDeaf) return;
    this.#isDeaf = isDeaf;
    if (isDeaf) {
      log.warn({ bus: bus.name }, "hints of other nodes may not come: watched volumes are probed");
      for (const volumeId of this.#watched) this.#fallback.watch(volumeId);
    } else {
      for (const volumeId of this.#watched) this.#fallback.leave(volumeId);
      this.#lookAtAll();
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      await clock.sleep(BEAT_MS, signal);
      this.#sayBeat();
      this.#listenAnew();
      if (this.#hasFailed) this.#lookAtAll();
    }
  }

  #sayBeat(): void {
    this.#options.bus.send({ kind: "beat", nodeId: this.#nodeId, sequence: this.#sequence });
  }

  /** Looks at each watched volume once: what is found is read and told. */
  #lookAtAll(): void {
    this.#mustLookAgain = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#supervisor.start("a look at watched volumes", async (signal) => {
      try {
        while (this.#mustLookAgain) {
          this.#mustLookAgain = false;
          this.#hasFailed = false;
          this.#counts.looks++;
          const options = { concurrency: LOOK_CONCURRENCY, signal };
          await mapConcurrent([...this.#watched], options, (volumeId) => this.#lookAt(volumeId));
        }
      } finally {
        this.#isLooking = false;
      }
    });
  }

  async #lookAt(volumeId: VolumeId): Promise<void> {
    const { heads, log } = this.#options;
    try {
      await heads.refresh(volumeId, this.#supervisor.signal);
    } catch (error) {
      if (this.#supervisor.signal.aborted || !isGraftError(error)) throw error;
      log.warn({ volume: volumeId, error: error.message }, "the next commit was not looked for");
      this.#hasFailed = true;
    }
  }
}

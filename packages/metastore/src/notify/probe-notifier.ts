/**
 * Learns what other nodes commit (`--notify probe`), for those who watch:
 *
 *     watched ──▶ wait ──▶ is the next LSN there? ──yes──▶ it is read, watchers are told, wait 200 ms
 *                  ▲                │ no
 *                  └── twice as long, up to 10 s, and a little more or less each time
 *
 * A volume that nobody watches is not looked at. A volume that moves is looked at often again:
 * where one writes, others may.
 */
import {
  type Clock,
  isGraftError,
  KeyedLimiter,
  type Random,
  randomUnit,
  Supervisor,
  type VolumeId,
} from "@graft/core";
import type { Log } from "@graft/rpc";
import type { KnownHeads } from "../known-heads.ts";
import type { Notifier } from "./notifier.ts";

/** A watched volume costs a request each 10 s while nothing changes. */
const DELAY_MS_MIN = 200;
const DELAY_MS_MAX = 10_000;
/**
 * Each wait is that much longer or shorter, by chance: nodes and volumes must not march in step.
 */
const JITTER = 0.25;
/** Volumes looked at side by side. */
const PROBE_CONCURRENCY = 16;

export interface ProbeNotifierOptions {
  readonly heads: KnownHeads;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Watched {
  delayMs: number;
  readonly leave: AbortController;
  /** Ends the wait: something happened. */
  hurry: AbortController;
}

/** Why a wait is ended. One for all: making an error with its stack is dear. */
const HURRY = new Error("the volume moved");

export class ProbeNotifier implements Notifier {
  readonly #options: ProbeNotifierOptions;
  readonly #supervisor: Supervisor;
  readonly #permits = new KeyedLimiter<"probe">(PROBE_CONCURRENCY);
  readonly #watched = new Map<VolumeId, Watched>();

  constructor(options: ProbeNotifierOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor(({ task, error }) => {
      options.log.error({ task, err: error }, "background task failed");
    });
  }

  watch(volumeId: VolumeId): void {
    if (this.#watched.has(volumeId)) return;
    const leave = new AbortController();
    const watched = { delayMs: DELAY_MS_MIN, leave, hurry: new AbortController() };
    this.#watched.set(volumeId, watched);
    this.#supervisor.start(`probes of ${volumeId}`, () => this.#probeFor(volumeId, watched));
  }

  leave(volumeId: VolumeId): void {
    const watched = this.#watched.get(volumeId);
    if (watched === undefined) return;
    this.#watched.delete(volumeId);
    watched.leave.abort(HURRY);
    watched.hurry.abort(HURRY);
  }

  committed(): void {}

  moved(volumeId: VolumeId): void {
    const watched = this.#watched.get(volumeId);
    if (watched === undefined || watched.delayMs === DELAY_MS_MIN) return;
    watched.delayMs = DELAY_MS_MIN;
    watched.hurry.abort(HURRY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volumeId of [...this.#watched.keys()]) this.leave(volumeId);
    await this.#supervisor[Symbol.asyncDispose]();
  }

  async #probeFor(volumeId: VolumeId, watched: Watched): Promise<void> {
    const { clock, heads, log, random } = this.#options;
    while (!watched.leave.signal.aborted) {
      const share = 1 + JITTER * (2 * randomUnit(random) - 1);
      await clock.sleep(watched.delayMs * share, watched.hurry.signal).catch(() => undefined);
      watched.hurry = new AbortController();
      if (watched.leave.signal.aborted) return;
      watched.delayMs = Math.min(2 * watched.delayMs, DELAY_MS_MAX);
      try {
        await this.#permits.run("probe", () => heads.refresh(volumeId, watched.leave.signal));
      } catch (error) {
        if (watched.leave.signal.aborted) return;
        if (!isGraftError(error)) throw error;
        log.warn({ volume: volumeId, error: error.message }, "the next commit was not looked for");
      }
    }
  }
}

/**
 * Keeps `volumes/<vid>/head` near the head, in the background: at most 4 commits or 1 s behind,
 * whichever is later, and at most one PUT a second for a volume, however fast its commits are. It
 * is a hint: what fails is written again with the next commit, and readers find the head without
 * it, with two requests more each time the commits that it is behind double.
 *
 *     clean ──commit──▶ due in 1 s ──or with the 4th──▶ writing ──▶ resting for 1 s ──▶ clean
 *                                                          ▲                │
 *                                                          └── commits came ┘
 */
import {
  type Clock,
  isGraftError,
  KeyedLimiter,
  type Lsn,
  Supervisor,
  type VolumeId,
} from "@graft/core";
import { encodeHeadHint, headKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import type { Log } from "@graft/rpc";
import { within } from "./within.ts";

/** The first commits after a rest: so many are not waited for any longer. */
const BEHIND_COUNT_MAX = 4n;
/** From a commit to its hint, and from one hint to the next. */
const BEHIND_MS_MAX = 1000;
/** Hints written side by side. */
const WRITE_CONCURRENCY = 8;
/** Why a wait is ended. One for all: making an error with its stack is dear. */
const HURRY = new Error("the hint is due");
/** One PUT at most, ms. */
const WRITE_TIMEOUT_MS = 5000;

interface Hint {
  /** What the object says at least, as far as we know. */
  writtenLsn: bigint;
  lsn: Lsn;
  /** Ends the wait before the first PUT. */
  readonly hurry: AbortController;
}

export interface HeadHintWriterOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
}

export class HeadHintWriter implements AsyncDisposable {
  readonly #options: HeadHintWriterOptions;
  readonly #supervisor: Supervisor;
  readonly #permits = new KeyedLimiter<"write">(WRITE_CONCURRENCY);
  /** Volumes whose hint is behind. */
  readonly #hints = new Map<VolumeId, Hint>();
  readonly #closing = new AbortController();

  constructor(options: HeadHintWriterOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor(({ task, error }) => {
      options.log.error({ task, err: error }, "background task failed");
    });
  }

  /** A commit of this node landed at this LSN. */
  note(volumeId: VolumeId, lsn: Lsn): void {
    const hint = this.#hints.get(volumeId);
    if (hint === undefined) {
      const fresh: Hint = { writtenLsn: lsn - 1n, lsn, hurry: new AbortController() };
      this.#hints.set(volumeId, fresh);
      this.#supervisor.start(`head of ${volumeId}`, () => this.#keepUp(volumeId, fresh));
      return;
    }
    if (lsn > hint.lsn) hint.lsn = lsn;
    if (isFarBehind(hint)) hint.hurry.abort(HURRY);
  }

  /** Writes what is behind, then stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(HURRY);
    for (const { hurry } of this.#hints.values()) hurry.abort(HURRY);
    await this.#supervisor.whenIdle();
    await this.#supervisor[Symbol.asyncDispose]();
  }

  /** One task a volume that is behind: waits, writes, rests; again when commits came meanwhile. */
  async #keepUp(volumeId: VolumeId, hint: Hint): Promise<void> {
    if (!this.#closing.signal.aborted && !isFarBehind(hint)) await this.#wait(hint.hurry.signal);
    while (hint.lsn > hint.writtenLsn) {
      const { lsn } = hint;
      await this.#permits.run("write", () => this.#write(volumeId, lsn));
      hint.writtenLsn = lsn;
      await this.#wait(this.#closing.signal);
    }
    this.#hints.delete(volumeId);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(BEHIND_MS_MAX, signal).catch(() => undefined);
  }

  async #write(volumeId: VolumeId, lsn: Lsn): Promise<void> {
    const { store, clock, log } = this.#options;
    const key = headKey(volumeId);
    try {
      await within(clock, WRITE_TIMEOUT_MS, `PUT ${key}`, (signal) =>
        store.put(key, encodeHeadHint(lsn), { signal }),
      );
    } catch (error) {
      if (!isGraftError(error)) throw error;
      log.warn(
        { volume: volumeId, lsn: String(lsn), error: error.message },
        "head hint not written",
      );
    }
  }
}

function isFarBehind(hint: Hint): boolean {
  return hint.lsn - hint.writtenLsn >= BEHIND_COUNT_MAX;
}

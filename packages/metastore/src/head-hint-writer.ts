/**
 * Keeps `volumes/<vid>/head` near the head, in the background: at most 4 commits or 1 s behind,
 * one PUT at a time a volume, never one for each commit. It is a hint: what fails is written again
 * with the next commit, and readers find the head without it.
 *
 *     clean ──commit──▶ due in 1 s ──4th commit──▶ due now ──▶ writing ──▶ clean, or due again
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

/** A hint is never further behind than this. */
const BEHIND_COUNT_MAX = 4n;
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
  /** Ends the wait for the time to pass. */
  hurry: AbortController;
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
  #isClosing = false;

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
    this.#isClosing = true;
    for (const { hurry } of this.#hints.values()) hurry.abort(HURRY);
    await this.#supervisor.whenIdle();
    await this.#supervisor[Symbol.asyncDispose]();
  }

  /** One task a volume that is behind: waits, writes, and again when commits came meanwhile. */
  async #keepUp(volumeId: VolumeId, hint: Hint): Promise<void> {
    while (hint.lsn > hint.writtenLsn) {
      if (!this.#isClosing && !isFarBehind(hint)) {
        await this.#options.clock.sleep(BEHIND_MS_MAX, hint.hurry.signal).catch(() => undefined);
      }
      hint.hurry = new AbortController();
      const { lsn } = hint;
      await this.#permits.run("write", () => this.#write(volumeId, lsn));
      hint.writtenLsn = lsn;
    }
    this.#hints.delete(volumeId);
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

/**
 * Writes checkpoints in the background, one at a time a volume:
 *
 *     commit ──▶ due? ──▶ writing ──▶ written: the next commits name it
 *                            │
 *                            └──failed──▶ again some commits later
 *
 * Any number of nodes may do it for the same volume, and any of them may die at any point: a
 * checkpoint exists once its root does, and is used once a commit names it. A volume whose
 * checkpoint is overdue takes no commit before it is written.
 */
import {
  type CatalogCommit,
  type CheckpointReader,
  CheckpointWriter,
  SizedCache,
  type VolumeCatalog,
} from "@graft/catalog";
import {
  type Clock,
  Coalescer,
  type Compute,
  GraftError,
  isGraftError,
  KeyedLimiter,
  type Lsn,
  type Random,
  Supervisor,
  type VolumeId,
} from "@graft/core";
import type { CheckpointRef } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import {
  type Counter,
  type Labels,
  type Log,
  type MetricsRegistry,
  registerQueue,
} from "@graft/rpc";
import { checkpointUrgency } from "./checkpoint-due.ts";
import type { VolumeMaps } from "./volume-map.ts";

/** Checkpoints written side by side: each may hold 32 MiB of inline pages, and their segments. */
const WRITE_CONCURRENCY = 2;
/** Volumes remembered at most: at ≈ 300 bytes each, 6 MiB. */
const VOLUME_COUNT_MAX = 20_000;
/** After a failure: commits until the next try in the background. */
const RETRY_COMMIT_COUNT = 16n;

const WRITTEN: Labels = { outcome: "written" };
const FAILED: Labels = { outcome: "failed" };

interface VolumeState {
  /** The newest checkpoint that this node wrote, adopted or saw named. */
  readonly checkpoint: CheckpointRef | undefined;
  /** Stored bytes of commits that this node saw, and how many of them the checkpoint holds. */
  readonly logSize: number;
  readonly checkpointedSize: number;
  readonly retryAt: bigint;
}

const NOTHING: VolumeState = {
  checkpoint: undefined,
  logSize: 0,
  checkpointedSize: 0,
  retryAt: 0n,
};

export interface CheckpointerOptions {
  readonly store: ObjectStore;
  readonly catalog: VolumeCatalog;
  readonly checkpoints: CheckpointReader;
  readonly maps: VolumeMaps;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly log: Log;
  readonly metrics: MetricsRegistry;
}

export class Checkpointer implements AsyncDisposable {
  readonly #options: CheckpointerOptions;
  readonly #writer: CheckpointWriter;
  readonly #supervisor: Supervisor;
  readonly #permits = new KeyedLimiter<"write">(WRITE_CONCURRENCY);
  readonly #flights = new Coalescer<VolumeId, void>();
  readonly #states = new SizedCache<VolumeId, VolumeState>(VOLUME_COUNT_MAX);
  /** Volumes with a task in the background: a second one would only wait for the first. */
  readonly #underWay = new Set<VolumeId>();
  readonly #ended: Counter;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    const { store: objects, checkpoints: reader } = options;
    const heldCommit = (volumeId: VolumeId, lsn: Lsn): CatalogCommit | undefined =>
      options.catalog.get(volumeId, lsn);
    this.#writer = new CheckpointWriter({ ...options, objects, reader, heldCommit });
    this.#supervisor = new Supervisor(({ task, error }) => {
      options.log.error({ task, err: error }, "background task failed");
    });
    this.#ended = options.metrics.counter("graft_checkpoints_total", "Checkpoints, by outcome.");
    for (const each of [WRITTEN, FAILED]) this.#ended.add(each, 0);
    registerQueue(options.metrics, "checkpoints", () => ({
      activeCount: this.#permits.activeCount("write"),
      waitingCount: this.#permits.waitingCount("write"),
    }));
  }

  /** The newest checkpoint at or below an LSN that this node knows of beside the record's own. */
  newest(volumeId: VolumeId, lsn: Lsn): CheckpointRef | undefined {
    const checkpoint = this.#states.get(volumeId)?.checkpoint;
    return checkpoint !== undefined && checkpoint.lsn <= lsn ? checkpoint : undefined;
  }

  /** A commit landed: a checkpoint may have become due. */
  note(commit: CatalogCommit): void {
    const { volumeId, lsn } = commit.record;
    const state = this.#saw(commit, commit.storedSize);
    if (this.#underWay.has(volumeId)) return;
    if (lsn < state.retryAt || this.#urgencyOf(commit) === "none") return;
    this.#underWay.add(volumeId);
    this.#supervisor.start(`checkpoint of ${volumeId}`, async (signal) => {
      try {
        await this.#write(commit, signal);
      } catch (error) {
        if (!isGraftError(error)) throw error;
        this.#ended.add(FAILED);
        this.#defer(volumeId, lsn);
        const facts = { volume: volumeId, lsn: String(lsn), error: error.message };
        this.#options.log.warn(facts, "checkpoint not written");
      } finally {
        this.#underWay.delete(volumeId);
      }
    });
  }

  /**
   * Lets a commit on this parent through, after the checkpoint was written where it is overdue.
   *
   * @throws GraftError `unavailable` when it cannot be written
   */
  async admit(parent: CatalogCommit, signal: AbortSignal | undefined): Promise<void> {
    this.#saw(parent, 0);
    const { volumeId, lsn } = parent.record;
    // The first turn may join a flight that began at an older commit.
    for (let turn = 1; this.#urgencyOf(parent) === "overdue"; turn++) {
      try {
        await this.#write(parent, signal);
      } catch (cause) {
        if (!isGraftError(cause)) throw cause;
        this.#ended.add(FAILED);
        throw overdue(volumeId, lsn, cause);
      }
      if (turn === 3) throw overdue(volumeId, lsn, undefined);
    }
  }

  /** Resolves when nothing is being written. For tests and a drain. */
  async whenIdle(): Promise<void> {
    await this.#supervisor.whenIdle();
  }

  /** Gives up what is being written: it is garbage, or will be found by whoever writes it next. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
  }

  /** Writes the checkpoint at a commit, or waits for the one that is being written. */
  async #write(commit: CatalogCommit, signal: AbortSignal | undefined): Promise<void> {
    const { volumeId, lsn } = commit.record;
    const { maps } = this.#options;
    const write = async (flight: AbortSignal): Promise<void> => {
      await this.#permits.run(
        "write",
        async () => {
          const fields = await maps.fieldsOf(commit, flight);
          const { logSize } = this.#states.get(volumeId) ?? NOTHING;
          const checkpoint = await this.#writer.write(commit, fields, flight);
          this.#ended.add(WRITTEN);
          const state = this.#states.get(volumeId) ?? NOTHING;
          if ((state.checkpoint?.lsn ?? 0n) >= lsn) return;
          const known = { ...state, checkpoint, checkpointedSize: logSize };
          this.#states.set(volumeId, known, 1);
        },
        flight,
      );
    };
    await this.#flights.run(volumeId, write, signal);
  }

  #saw({ record, storedSize }: CatalogCommit, size: number): VolumeState {
    const { volumeId, lsn, checkpoint } = record;
    // What came before this node looked counts as if each commit of it were as large as this one.
    const unseenCount = Number(lsn - (checkpoint?.lsn ?? 0n)) - (size === 0 ? 0 : 1);
    const unseen: VolumeState = { ...NOTHING, checkpoint, logSize: unseenCount * storedSize };
    const state = this.#states.get(volumeId) ?? unseen;
    const isNewer = (checkpoint?.lsn ?? 0n) > (state.checkpoint?.lsn ?? 0n);
    const seen: VolumeState = {
      ...state,
      logSize: state.logSize + size,
      // Another node wrote it: what it holds of what we saw is not known; a little too few.
      ...(isNewer ? { checkpoint, checkpointedSize: state.logSize } : {}),
    };
    this.#states.set(volumeId, seen, 1);
    return seen;
  }

  #urgencyOf({ record, storedSize }: CatalogCommit): "none" | "due" | "overdue" {
    const { checkpoint, logSize, checkpointedSize } = this.#states.get(record.volumeId) ?? NOTHING;
    const since = logSize - checkpointedSize;
    return checkpointUrgency({ record, storedSize, checkpoint, logSize: since });
  }

  #defer(volumeId: VolumeId, lsn: Lsn): void {
    const state = this.#states.get(volumeId) ?? NOTHING;
    this.#states.set(volumeId, { ...state, retryAt: lsn + RETRY_COMMIT_COUNT }, 1);
  }
}

function overdue(volumeId: VolumeId, lsn: Lsn, cause: GraftError | undefined): GraftError {
  const why = cause === undefined ? "others are faster" : cause.message;
  return new GraftError(
    "unavailable",
    `volume ${volumeId}: the checkpoint at LSN ${lsn} must be written before the next commit, and ` +
      `was not (${why}): repeat the request`,
    { details: { volume: volumeId, lsn: String(lsn) }, cause },
  );
}

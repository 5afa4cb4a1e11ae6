import type { VolumeId } from "@graft/core";

interface Batch {
  readonly dueMs: number;
  readonly volumeIds: Set<VolumeId>;
}

/**
 * Volumes that wait until a stream is opened for them, in few batches: those due within `gatherMs`
 * of each other are opened together.
 */
export class WaitingVolumes {
  readonly #gatherMs: number;
  readonly #batches = new Set<Batch>();
  readonly #batchOf = new Map<VolumeId, Batch>();

  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  /** It waits until `dueMs` at the latest, and for `gatherMs` less at the least. */
  add(volumeId: VolumeId, dueMs: number): void {
    this.delete(volumeId);
    let batch = this.#near(dueMs);
    if (batch === undefined) {
      batch = { dueMs, volumeIds: new Set() };
      this.#batches.add(batch);
    }
    batch.volumeIds.add(volumeId);
    this.#batchOf.set(volumeId, batch);
  }

  delete(volumeId: VolumeId): void {
    const batch = this.#batchOf.get(volumeId);
    if (batch === undefined) return;
    this.#batchOf.delete(volumeId);
    batch.volumeIds.delete(volumeId);
    if (batch.volumeIds.size === 0) this.#batches.delete(batch);
  }

  /** Those that have waited long enough wait no more. */
  takeDue(nowMs: number): readonly VolumeId[] {
    const due = [...this.#batches].filter((batch) => batch.dueMs <= nowMs);
    const volumeIds = due.flatMap((batch) => [...batch.volumeIds]);
    for (const volumeId of volumeIds) this.delete(volumeId);
    return volumeIds;
  }

  /** All of them wait no more. */
  takeAll(): readonly VolumeId[] {
    return this.takeDue(Number.POSITIVE_INFINITY);
  }

  /** When the first batch is due; undefined when nobody waits. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#batches) {
      if (next === undefined || dueMs < next) next = dueMs;
    }
    return next;
  }

  #near(dueMs: number): Batch | undefined {
    for (const batch of this.#batches) {
      if (batch.dueMs <= dueMs && batch.dueMs >= dueMs - this.#gatherMs) return batch;
    }
    return undefined;
  }
}

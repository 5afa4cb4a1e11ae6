import {
  type CatalogCommit,
  type CatalogExtent,
  decodeCatalogCommit,
  type VolumeCatalog,
} from "@graft/catalog";
import {
  type Compute,
  isGraftError,
  KeyedLimiter,
  LSN_FIRST,
  type Lsn,
  nextLsn,
  toLsn,
  type VolumeId,
} from "@graft/core";
import type { CommitRange, CommitSource } from "./commit-source.ts";

/**
 * Commits asked for at first, and at most when a walk goes on: at ≤ 128 KiB of inline pages, 64
 * MiB.
 */
export const PULL_COUNT_FIRST = 64;
export const PULL_COUNT_MAX = 512;
/** A reader this far above what is held is served anew rather than by pulling all between. */
const CATCH_UP_COUNT_MAX = 8_192n;

export interface CatalogUpdaterOptions {
  readonly catalog: VolumeCatalog;
  readonly source: CommitSource;
  readonly compute: Compute;
}

/**
 * Fills the catalog from the commit source: one pull a volume at a time, and only of what is not
 * held.
 */
export class CatalogUpdater {
  readonly #catalog: VolumeCatalog;
  readonly #source: CommitSource;
  readonly #compute: Compute;
  readonly #volumes = new KeyedLimiter<VolumeId>(1);

  constructor(options: CatalogUpdaterOptions) {
    this.#catalog = options.catalog;
    this.#source = options.source;
    this.#compute = options.compute;
  }

  /**
   * The commits from an LSN downward, at least that one, without a gap; read them before the next
   * wait.
   *
   * @param count how many to pull when they are not held
   * @throws GraftError `not-found` when the volume has no commit at the LSN; what the source throws
   */
  async descend(
    volumeId: VolumeId,
    from: Lsn,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Iterable<CatalogCommit>> {
    const held = this.#catalog.descend(volumeId, from);
    if (held !== undefined) return held;
    using _permit = await this.#volumes.acquire(volumeId, signal);
    // Whoever held the permit may have pulled what we need.
    const pulled = this.#catalog.descend(volumeId, from);
    if (pulled !== undefined) return pulled;
    try {
      return await this.#pull(volumeId, from, count, signal);
    } catch (error) {
      // A catalog that contradicts the log must not do so for ever: it is disposable, the log is
      // not.
      if (isGraftError(error, "corrupt")) this.#catalog.forget(volumeId);
      throw error;
    }
  }

  async #pull(
    volumeId: VolumeId,
    from: Lsn,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Iterable<CatalogCommit>> {
    const step = nextPull(this.#catalog.extent(volumeId), from, count);
    if (step.kind === "anew") this.#catalog.forget(volumeId);
    const isAscending = step.kind === "above" || step.kind === "anew";
    const newest: CatalogCommit[] = [];
    for await (const { lsn, bytes } of this.#source.pull(volumeId, step.range, signal)) {
      const commit = decodeCatalogCommit(bytes, { volumeId, lsn }, this.#compute);
      newest.unshift(commit);
      if (!isAscending) continue;
      this.#catalog.insert(commit);
      if (newest.length > count) newest.pop();
    }
    if (step.kind === "below") for (const commit of newest) this.#catalog.insert(commit);
    // Others may have made the catalog forget this volume meanwhile: then what was pulled has to
    // do.
    const held = this.#catalog.descend(volumeId, from);
    return held ?? newest.filter((commit) => commit.record.lsn <= from);
  }
}

/** What to pull next, and where it belongs in what is held. */
export type PullStep = {
  readonly kind: "above" | "below" | "anew" | "apart";
  readonly range: CommitRange;
};

/**
 * - `above`: continues the range that is held (or begins one)
 * - `below`: extends it downward, as far as `from` and `count` more
 * - `anew`: too far above to catch up; what is held is given up
 * - `apart`: too far below to extend; not kept
 */
export function nextPull(held: CatalogExtent | undefined, from: Lsn, count: number): PullStep {
  const start = toLsn(
    from - BigInt(count) + 1n > LSN_FIRST ? from - BigInt(count) + 1n : LSN_FIRST,
  );
  if (held === undefined) return { kind: "above", range: { start, end: from } };
  if (from > held.head) {
    if (from - held.head > CATCH_UP_COUNT_MAX) return { kind: "anew", range: { start, end: from } };
    return { kind: "above", range: { start: nextLsn(held.head), end: from } };
  }
  if (held.floor - from > BigInt(PULL_COUNT_MAX)) {
    return { kind: "apart", range: { start, end: from } };
  }
  return { kind: "below", range: { start, end: toLsn(held.floor - 1n) } };
}

/**
 * A catalog in memory, bounded by two budgets:
 *
 * - Inline pages have one of their own: beyond it, the data of the commits that came first are
 *   released, and their frames are read from the log like any other. Planning needs page sets,
 *   not pages.
 * - Everything together has another: beyond it, whole volumes are forgotten, the least recently
 *   used first, but for the volume of the commit at hand. One that takes more than the budget
 *   alone begins anew at its newest commit.
 */
import { LSN_FIRST, type Lsn, toLsn, type VolumeId } from "@graft/core";
import { withoutInlineData } from "./catalog-commit.ts";
import { indexSizeOf, inlineSizeOf } from "./commit-size.ts";
import type { CatalogCommit, CatalogExtent, VolumeCatalog } from "./volume-catalog.ts";
import { VolumeCommits } from "./volume-commits.ts";

const MIB = 1024 * 1024;

export interface MemoryVolumeCatalogOptions {
  /**
   * Bytes of commits at most, inline pages included. 96 MiB by default: a third of a server's 300
   * MiB.
   */
  readonly sizeMax?: number;
  /** Bytes of inline pages at most. 32 MiB by default: the last 256 greatest inline commits. */
  readonly inlineSizeMax?: number;
}

interface VolumeEntry {
  readonly commits: VolumeCommits;
  size: number;
}

export class MemoryVolumeCatalog implements VolumeCatalog {
  readonly #sizeMax: number;
  readonly #inlineSizeMax: number;
  /** Least recently used first. */
  readonly #volumes = new Map<VolumeId, VolumeEntry>();
  /** Commits whose inline data are held, oldest first. */
  readonly #inline = new Set<CatalogCommit>();
  #size = 0;
  #inlineSize = 0;

  constructor(options: MemoryVolumeCatalogOptions = {}) {
    this.#sizeMax = options.sizeMax ?? 96 * MIB;
    this.#inlineSizeMax = options.inlineSizeMax ?? 32 * MIB;
  }

  /** Bytes held, estimated. */
  get size(): number {
    return this.#size;
  }

  /** Volumes held. */
  get volumeCount(): number {
    return this.#volumes.size;
  }

  insert(commit: CatalogCommit): "inserted" | "present" | "gap" {
    const { volumeId } = commit.record;
    const entry = this.#use(volumeId);
    const outcome = entry?.commits.insert(commit) ?? "inserted";
    if (outcome !== "inserted") return outcome;
    if (entry !== undefined && this.#isOverfull(entry, commit)) {
      // What is below is read again by whoever needs it: the newest commits are what is asked for.
      this.forget(volumeId);
      return this.insert(commit);
    }
    const held = entry ?? { commits: new VolumeCommits(commit), size: 0 };
    this.#volumes.set(volumeId, held);
    const { lsn } = commit.record;
    const below = lsn === LSN_FIRST ? undefined : held.commits.get(toLsn(lsn - 1n));
    this.#grow(held, indexSizeOf(commit, below));
    this.#holdInline(held, commit);
    this.#forgetOthers(volumeId);
    return "inserted";
  }

  /** Whether a volume takes more than everything may with this commit, its newest. */
  #isOverfull(entry: VolumeEntry, { record }: CatalogCommit): boolean {
    return entry.size > this.#sizeMax && record.lsn === entry.commits.extent.head;
  }

  get(volumeId: VolumeId, lsn: Lsn): CatalogCommit | undefined {
    return this.#use(volumeId)?.commits.get(lsn);
  }

  head(volumeId: VolumeId): CatalogCommit | undefined {
    const commits = this.#use(volumeId)?.commits;
    return commits?.get(commits.extent.head);
  }

  extent(volumeId: VolumeId): CatalogExtent | undefined {
    return this.#use(volumeId)?.commits.extent;
  }

  range(volumeId: VolumeId, extent: CatalogExtent): Iterable<CatalogCommit> | undefined {
    const commits = this.#use(volumeId)?.commits;
    if (commits?.get(extent.floor) === undefined) return undefined;
    if (extent.floor > extent.head || commits.get(extent.head) === undefined) return undefined;
    return commits.ascend(extent);
  }

  descend(volumeId: VolumeId, from: Lsn): Iterable<CatalogCommit> | undefined {
    const commits = this.#use(volumeId)?.commits;
    return commits?.get(from) === undefined ? undefined : commits.descend(from);
  }

  forget(volumeId: VolumeId): void {
    const entry = this.#volumes.get(volumeId);
    if (entry === undefined) return;
    this.#volumes.delete(volumeId);
    this.#size -= entry.size;
    for (const commit of entry.commits.values()) {
      if (this.#inline.delete(commit)) this.#inlineSize -= inlineSizeOf(commit);
    }
  }

  /** The entry of a volume, which becomes the most recently used. */
  #use(volumeId: VolumeId): VolumeEntry | undefined {
    const entry = this.#volumes.get(volumeId);
    if (entry === undefined) return undefined;
    this.#volumes.delete(volumeId);
    this.#volumes.set(volumeId, entry);
    return entry;
  }

  #holdInline(entry: VolumeEntry, commit: CatalogCommit): void {
    const size = inlineSizeOf(commit);
    if (size === 0) return;
    this.#inline.add(commit);
    this.#inlineSize += size;
    this.#grow(entry, size);
    for (const oldest of this.#inline) {
      if (this.#inlineSize <= this.#inlineSizeMax) return;
      this.#releaseInline(oldest);
    }
  }

  #releaseInline(commit: CatalogCommit): void {
    const size = inlineSizeOf(commit);
    this.#inline.delete(commit);
    this.#inlineSize -= size;
    const entry = this.#volumes.get(commit.record.volumeId);
    if (entry === undefined) return;
    entry.commits.replace(withoutInlineData(commit));
    this.#grow(entry, -size);
  }

  #forgetOthers(volumeId: VolumeId): void {
    for (const other of this.#volumes.keys()) {
      if (this.#size <= this.#sizeMax) return;
      if (other !== volumeId) this.forget(other);
    }
  }

  #grow(entry: VolumeEntry, size: number): void {
    entry.size += size;
    this.#size += size;
  }
}

import {
  type Lsn,
  MutablePageSet,
  type PageSet,
  type PageSize,
  toLsn,
  toPageCount,
  unionInto,
} from "@graft/core";
import type { RemotePoint } from "../../store/local-store.ts";

/** What each page of a snapshot holds: a content number; a page that is not named is zeros. */
export type Contents = ReadonlyMap<number, number>;

export interface RemoteCommit {
  readonly writes: Contents;
  readonly pageCount: number;
  /** Least page count among the folded commits; at most `pageCount`. */
  readonly lowPageCount: number;
}

interface RemoteSnapshot extends RemoteCommit {
  readonly contents: Contents;
}

/** A volume in object storage as its definition has it: the whole page map of every LSN. */
export class RemoteModel {
  readonly #pageSize: PageSize;
  /** LSN 1 is the first. */
  readonly #snapshots: RemoteSnapshot[] = [];

  constructor(pageSize: PageSize) {
    this.#pageSize = pageSize;
  }

  /** The newest snapshot; undefined before the first commit. */
  get head(): RemotePoint | undefined {
    const last = this.#snapshots.at(-1);
    if (last === undefined) return undefined;
    return {
      lsn: toLsn(BigInt(this.#snapshots.length)),
      pageCount: toPageCount(last.pageCount),
      pageSize: this.#pageSize,
    };
  }

  commit(commit: RemoteCommit): RemotePoint {
    const contents = cutContents(this.#snapshots.at(-1)?.contents, commit.lowPageCount);
    for (const [page, content] of commit.writes) contents.set(page, content);
    this.#snapshots.push({ ...commit, contents: cutContents(contents, commit.pageCount) });
    const { head } = this;
    if (head === undefined) throw new Error("there is a head after a commit");
    return head;
  }

  contentsAt(lsn: Lsn): Contents {
    const snapshot = this.#snapshots[Number(lsn) - 1];
    if (snapshot === undefined) throw new Error(`LSN ${lsn} exists`);
    return snapshot.contents;
  }

  /**
   * What a pull from `base` is told: DESIGN §4, "Truncation". Empty when nothing was known before.
   */
  changedSince(base: Lsn | undefined): PageSet {
    const changed = new MutablePageSet();
    const last = this.#snapshots.at(-1);
    if (base === undefined || last === undefined) return changed;
    let low = last.pageCount;
    for (const snapshot of this.#snapshots.slice(Number(base))) {
      low = Math.min(low, snapshot.lowPageCount);
      for (const page of snapshot.writes.keys()) changed.insert(page);
    }
    const regrown = new MutablePageSet();
    regrown.insertRange(low + 1, last.pageCount);
    unionInto(changed, regrown);
    return changed;
  }
}

/** A copy without the pages above `pageCount`. */
export function cutContents(
  contents: Contents | undefined,
  pageCount: number,
): Map<number, number> {
  const kept = new Map<number, number>();
  for (const [page, content] of contents ?? []) if (page <= pageCount) kept.set(page, content);
  return kept;
}

/** The bytes of a content number; no number is zeros. */
export function bytesOf(content: number | undefined, pageSize: number): Uint8Array {
  const bytes = new Uint8Array(pageSize);
  if (content === undefined) return bytes;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < pageSize; at += 64) {
    view.setUint32(at, Math.imul(content, at + 0x9e37_79b1));
  }
  return bytes;
}

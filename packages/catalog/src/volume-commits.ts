import { encodeHex, equalBytes, GraftError, type Lsn } from "@graft/core";
import { logKey } from "@graft/format";
import type { CatalogCommit, CatalogExtent } from "./volume-catalog.ts";

/**
 * The commits of one volume: a range of LSNs without a gap, chained by hash. Grows at both ends.
 */
export class VolumeCommits {
  readonly #commits: Map<bigint, CatalogCommit>;
  #floor: Lsn;
  #head: Lsn;

  /** A range of one commit: it is never empty. */
  constructor(first: CatalogCommit) {
    const { lsn } = first.record;
    this.#commits = new Map<bigint, CatalogCommit>([[lsn, first]]);
    this.#floor = lsn;
    this.#head = lsn;
  }

  get extent(): CatalogExtent {
    return { floor: this.#floor, head: this.#head };
  }

  get(lsn: Lsn): CatalogCommit | undefined {
    return this.#commits.get(lsn);
  }

  /** As `VolumeCatalog.insert`. */
  insert(commit: CatalogCommit): "inserted" | "present" | "gap" {
    const { lsn } = commit.record;
    const held = this.#commits.get(lsn);
    if (held !== undefined) {
      mustHash(commit, held.hash, "the commit held at this LSN has");
      return "present";
    }
    const below = this.#commits.get(lsn - 1n);
    const above = this.#commits.get(lsn + 1n);
    if (below !== undefined) {
      mustNameParent(commit, below);
      this.#head = lsn;
    } else if (above !== undefined) {
      mustNameParent(above, commit);
      this.#floor = lsn;
    } else {
      return "gap";
    }
    this.#commits.set(lsn, commit);
    return "inserted";
  }

  /** Puts another form of a held commit in its place. */
  replace(commit: CatalogCommit): void {
    if (this.#commits.has(commit.record.lsn)) this.#commits.set(commit.record.lsn, commit);
  }

  /** All held, ascending. */
  values(): Iterable<CatalogCommit> {
    return this.ascend(this.extent);
  }

  /** Commits of a range, as far as they are held without a gap. */
  ascend({ floor, head }: CatalogExtent): Iterable<CatalogCommit> {
    return { [Symbol.iterator]: () => this.#walk(floor, (lsn) => lsn <= head, 1n) };
  }

  /** Commits from an LSN down to the floor. */
  descend(from: Lsn): Iterable<CatalogCommit> {
    return { [Symbol.iterator]: () => this.#walk(from, (lsn) => lsn >= this.#floor, -1n) };
  }

  *#walk(from: Lsn, isInside: (lsn: bigint) => boolean, step: bigint): Generator<CatalogCommit> {
    for (let lsn: bigint = from; isInside(lsn); lsn += step) {
      const commit = this.#commits.get(lsn);
      if (commit === undefined) return;
      yield commit;
    }
  }
}

function mustNameParent(commit: CatalogCommit, parent: CatalogCommit): void {
  const { volumeId, lsn, parentHash } = commit.record;
  if (parentHash !== undefined && equalBytes(parentHash, parent.hash)) return;
  const expected = encodeHex(parent.hash);
  const actual = parentHash === undefined ? "none" : encodeHex(parentHash);
  throw contradiction(
    `${logKey(volumeId, lsn)} does not continue the commit before it`,
    `expected parent hash ${expected}, got ${actual}`,
    commit,
  );
}

function mustHash(commit: CatalogCommit, hash: Uint8Array, whose: string): void {
  if (equalBytes(commit.hash, hash)) return;
  const { volumeId, lsn } = commit.record;
  throw contradiction(
    `${logKey(volumeId, lsn)} has changed`,
    `${whose} hash ${encodeHex(hash)}, got ${encodeHex(commit.hash)}`,
    commit,
  );
}

function contradiction(what: string, hashes: string, commit: CatalogCommit): GraftError {
  const { volumeId, lsn } = commit.record;
  return new GraftError("corrupt", `${what}: ${hashes}`, {
    details: { object: logKey(volumeId, lsn), volume: volumeId, lsn: String(lsn) },
  });
}

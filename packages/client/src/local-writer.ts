import {
  equalBytes,
  GraftError,
  invariant,
  isGraftError,
  MutablePageSet,
  type PageIndex,
  type PageSet,
  type PageSize,
} from "@graft/core";
import { ApartReader } from "./apart-reader.ts";
import { DirtyPages } from "./dirty-pages.ts";
import { REPLAY_SIZE_MAX } from "./store/local-commit.ts";
import type { LocalStore, NewLocalCommit } from "./store/local-store.ts";
import type { Footprint } from "./sync/merge.ts";
import type { VolumeReader } from "./volume-reader.ts";
import type { LocalCommitOutcome, LocalCommitRequest, VolumeWriter } from "./volume-writer.ts";

/** What a writer tells its volume. */
export interface WriterHooks {
  /** @throws GraftError `invalid-argument`: the volume is closed */
  mustBeOpen(): void;
  /** Whether a reset or a rebase waits for this transaction to end. */
  hasChange(): boolean;
  /**
   * Takes in the news that waits, if it does not meet the transaction: the pages that changed.
   * Undefined: nothing was taken in.
   *
   * @throws GraftError `busy-snapshot`: they meet
   */
  letNewsIn(transaction: () => Footprint): PageSet | undefined;
  /** A reader on the latest snapshot. */
  openReader(): VolumeReader;
  onCommitted(version: number): void;
  /** Called once, when the writer is used up. */
  onEnd(): void;
}

/** A write transaction over a pinned snapshot and the local store. */
export class LocalWriter implements VolumeWriter {
  readonly base: VolumeReader;
  readonly pageSize: PageSize;
  readonly #store: LocalStore;
  readonly #hooks: WriterHooks;
  readonly #dirty: DirtyPages;
  #isOpen = true;
  #isBaseHandedOn = false;

  constructor(base: VolumeReader, store: LocalStore, hooks: WriterHooks) {
    this.base = base;
    this.pageSize = base.pageSize;
    this.#store = store;
    this.#dirty = new DirtyPages(() => store.openStage());
    this.#hooks = hooks;
  }

  read(index: PageIndex, target: Uint8Array): boolean {
    return this.#dirty.read(index, target) || this.base.read(index, target);
  }

  write(index: PageIndex, page: Uint8Array): void {
    if (!this.#isOpen) this.#hooks.mustBeOpen();
    invariant(this.#isOpen, "a writer writes before it is used up");
    invariant(page.length === this.pageSize, "a whole page is written");
    this.#dirty.write(index, page);
  }

  commit(request: LocalCommitRequest): LocalCommitOutcome {
    this.#hooks.mustBeOpen();
    invariant(this.#isOpen, "a writer commits once");
    this.#forgetUnchanged(request.pageCount);
    const dirty = this.#dirty;
    if (dirty.count === 0 && request.pageCount === this.base.pageCount) {
      this.#end();
      return { kind: "unchanged" };
    }
    if (this.#hooks.hasChange()) {
      throw new GraftError(
        "busy-snapshot",
        "this volume is being reset or rebased: run the transaction again afterwards",
      );
    }
    const { opensReader = false, ...rest } = request;
    mustFit(rest.replay);
    const { reads, pageCount } = request;
    const footprint = (): Footprint => ({ reads, pages: pagesOf(dirty), pageCount });
    const changed = this.#hooks.letNewsIn(footprint);
    const commit: NewLocalCommit = {
      ...rest,
      pages: dirty.pages,
      staged: dirty.staged,
      // What it did not change is what the snapshot below has.
      ...(changed !== undefined && { pageCount: this.#store.state().pageCount }),
    };
    const version = this.#commitLocal(commit, changed !== undefined);
    this.#dirty.clear();
    // Before the turn is given back: another process may commit at once.
    const reader = opensReader ? this.#openReader(changed) : undefined;
    this.#end();
    this.#hooks.onCommitted(version);
    return { kind: "committed", version, reader };
  }

  rollback(): void {
    if (this.#isOpen) this.#end();
  }

  /**
   * What is only busy may be committed once more, by SQLite too. With news underneath that would be
   * on another base than the transaction saw.
   */
  #commitLocal(commit: NewLocalCommit, isOnNews: boolean): number {
    try {
      return this.#store.commitLocal(commit);
    } catch (error) {
      if (!isOnNews || !isGraftError(error, "busy")) throw error;
      const text = `${error.message}; another client's commit has arrived meanwhile: run it again`;
      throw new GraftError("busy-snapshot", text, { cause: error });
    }
  }

  /** On the snapshot that the transaction made of its base, news or not. */
  #openReader(changed: PageSet | undefined): VolumeReader {
    const latest = this.#hooks.openReader();
    if (changed === undefined) return latest;
    this.#isBaseHandedOn = true;
    return new ApartReader(this.base, latest, changed);
  }

  /**
   * Leaves the dirty pages that differ from their base. A base page that is not here counts as
   * different. In place: a transaction may hold every page of a large volume.
   */
  #forgetUnchanged(pageCount: number): void {
    const theirs = new Uint8Array(this.pageSize);
    let staged: Uint8Array | undefined;
    for (const page of this.#dirty.sorted()) {
      const index = page as PageIndex;
      if (index <= pageCount) {
        if (index > this.base.pageCount || !this.base.read(index, theirs)) continue;
        let mine = this.#dirty.pages.get(index);
        if (mine === undefined) {
          staged ??= new Uint8Array(this.pageSize);
          this.#dirty.read(index, staged);
          mine = staged;
        }
        if (!equalBytes(mine, theirs)) continue;
      }
      this.#dirty.delete(index);
    }
  }

  #end(): void {
    this.#isOpen = false;
    try {
      this.#dirty.clear();
      if (!this.#isBaseHandedOn) this.base.close();
    } finally {
      // Or nobody could write any more.
      this.#hooks.onEnd();
    }
  }
}

function pagesOf(dirty: DirtyPages): PageSet {
  const set = new MutablePageSet();
  for (const page of dirty.sorted()) set.insert(page as PageIndex);
  return set;
}

/** @throws GraftError `resource-exhausted` */
function mustFit(replay: Uint8Array | undefined): void {
  if (replay === undefined || replay.length <= REPLAY_SIZE_MAX) return;
  throw new GraftError(
    "resource-exhausted",
    `a transaction whose replay takes ${replay.length} bytes was not committed: at most ` +
      `${REPLAY_SIZE_MAX} are kept; do less in one transaction`,
  );
}

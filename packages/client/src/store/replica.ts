import {
  type CommitId,
  intersects,
  invariant,
  MutablePageSet,
  type PageCount,
  type PageSet,
  pageSetOf,
  toPageIndex,
  unionInto,
} from "@graft/core";
import type { LocalCommit } from "../volume.ts";
import { PageHistory, type PageHistoryOptions } from "./history/page-history.ts";
import type { PlacedList } from "./history/page-places.ts";
import type { View } from "./history/view.ts";
import {
  type CommitParts,
  createLocalCommit,
  noteFieldsOf,
  type ReadReplay,
} from "./local-commit.ts";
import type { LocalState, Pin, PreparedPush, RemotePoint } from "./local-store.ts";
import { ReplicaFacts } from "./replica-facts.ts";

/** A local commit whose pages have a place. */
export interface PlacedCommit extends Omit<CommitParts, "version" | "pages"> {
  readonly pages: PlacedList;
}

export interface ReplicaOptions extends PageHistoryOptions {
  readonly state?: LocalState;
  /** For commits that carry a replay. */
  readonly readReplay?: ReadReplay;
}

/**
 * One replica without its bytes: facts and page history, changed together. Every local store is
 * this plus a place for bytes, and the durable one repeats these calls to recover.
 */
export class Replica {
  readonly facts: ReplicaFacts;
  readonly history: PageHistory;
  readonly #readReplay: ReadReplay | undefined;

  constructor(options: ReplicaOptions) {
    this.facts = new ReplicaFacts(options.state);
    this.history = new PageHistory(options);
    this.#readReplay = options.readReplay;
    const push = this.facts.push;
    if (push !== undefined) this.history.hold(push.toVersion);
  }

  /** Pins the latest version. `onClose` runs after the pin was closed. */
  pin(onClose?: () => void): StorePin {
    return new StorePin(this.history, this.facts.version, this.facts.pageCount, onClose);
  }

  pinPush(onClose?: () => void): StorePin | undefined {
    const push = this.facts.push;
    if (push === undefined) return undefined;
    return new StorePin(this.history, push.toVersion, push.pageCount, onClose);
  }

  commit(placed: PlacedCommit): number {
    const { pageCount, pages, replay } = placed;
    const version = this.facts.version + 1;
    const resize = { version, before: this.facts.pageCount, after: pageCount };
    const parts: CommitParts = {
      version,
      pageCount,
      pages: pagesOf(pages),
      ...noteFieldsOf(placed),
      ...(replay !== undefined && { replay }),
    };
    this.history.chains.reserveOlder(pages.length);
    this.history.commit(resize, pages);
    this.facts.commit(createLocalCommit(parts, this.#readReplay));
    return version;
  }

  applyRemote(remote: RemotePoint, changed: PageSet): number {
    this.facts.mustBeClean();
    const version = this.facts.version + 1;
    const resize = { version, before: this.facts.pageCount, after: remote.pageCount };
    this.history.applyRemote(resize, remote, changed);
    this.facts.applyRemote(remote);
    return version;
  }

  /** @returns the pages of the pending commits */
  mustBeMergeable(remote: RemotePoint, changed: PageSet): PageSet {
    this.facts.mustBeMergeable(remote);
    const carried = pagesOfCommits(this.facts.state().pending);
    invariant(!intersects(carried, changed), "pages that are carried over did not change");
    return carried;
  }

  /** The remote snapshot moves under the pending commits. */
  mergeRemote(remote: RemotePoint, changed: PageSet): number {
    const carried = this.mustBeMergeable(remote, changed);
    const version = this.facts.version + 1;
    const resize = { version, before: this.facts.pageCount, after: remote.pageCount };
    this.history.applyRemote(resize, remote, changed, carried);
    this.facts.mergeRemote(remote, this.#readReplay);
    return version;
  }

  /** What a push would send now. */
  fold(commitId: CommitId): PreparedPush {
    return this.facts.fold(commitId, this.history.epoch.start);
  }

  preparePush(commitId: CommitId): PreparedPush {
    const push = this.fold(commitId);
    this.history.hold(push.toVersion);
    this.facts.preparePush(push);
    return push;
  }

  completePush(remote: RemotePoint): void {
    const push = this.facts.mustBePushed(remote);
    const pushed = { start: push.toVersion, pages: push.pages, lowCount: push.lowPageCount };
    this.history.completePush(remote, pushed);
    this.facts.completePush(remote);
    this.history.release(push.toVersion);
  }

  /** The push did not land. */
  endPush(isDiverged: boolean): void {
    const push = this.facts.push;
    this.facts.endPush(isDiverged);
    if (push !== undefined) this.history.release(push.toVersion);
  }

  reset(remote: RemotePoint | undefined, changed: PageSet): number {
    const { facts } = this;
    const version = facts.version + 1;
    const push = facts.push;
    const written = new MutablePageSet();
    let lowCount: number = facts.remote?.pageCount ?? 0;
    for (const commit of facts.state().pending) {
      unionInto(written, commit.pages);
      lowCount = Math.min(lowCount, commit.pageCount);
    }
    const resize = { version, before: facts.pageCount, after: remote?.pageCount ?? 0 };
    this.history.reset(resize, remote, { changed, written, lowCount });
    facts.reset(remote);
    if (push !== undefined) this.history.release(push.toVersion);
    return version;
  }
}

/** A pin of a store of this package. */
export class StorePin implements Pin {
  readonly view: View;
  readonly pageCount: PageCount;
  readonly #history: PageHistory;
  readonly #onClose: (() => void) | undefined;
  #isOpen = true;

  constructor(
    history: PageHistory,
    version: number,
    pageCount: PageCount,
    onClose?: (() => void) | undefined,
  ) {
    this.#history = history;
    this.#onClose = onClose;
    this.pageCount = pageCount;
    this.view = history.pin(version, pageCount);
  }

  get version(): number {
    return this.view.version;
  }

  get remote(): RemotePoint | undefined {
    return this.view.epoch.remote;
  }

  get baseVersion(): number {
    return this.view.epoch.start;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#history.unpin(this.view);
    this.#onClose?.();
  }

  /** What the pin sees; undefined once it was closed. */
  static viewOf(pin: Pin): View | undefined {
    invariant(pin instanceof StorePin, "the pin was made by a store of this package");
    return pin.#isOpen ? pin.view : undefined;
  }

  /** The history a pin was opened in. */
  static historyOf(pin: Pin): PageHistory {
    invariant(pin instanceof StorePin, "the pin was made by a store of this package");
    return pin.#history;
  }

  /** What an open pin sees. */
  static mustView(pin: Pin): View {
    const view = StorePin.viewOf(pin);
    invariant(view !== undefined, "a pin is read before it is closed");
    return view;
  }
}

function pagesOf(pages: PlacedCommit["pages"]): PageSet {
  const set = new MutablePageSet();
  for (const [page] of pages) set.insert(toPageIndex(page));
  return set;
}

/** The pages that any of these commits wrote. */
export function pagesOfCommits(commits: readonly LocalCommit[]): PageSet {
  const all = new MutablePageSet();
  for (const { pages } of commits) unionInto(all, pages);
  return all;
}

/** Of these pages, those a fetch would bring. */
export function absentPages(history: PageHistory, view: View, pages: PageSet): PageSet {
  const absent = new MutablePageSet();
  for (const page of pages) {
    if (page > view.pageCount) break;
    if (history.isMissing(view, page)) absent.insert(page);
  }
  return absent;
}

/** See `LocalStore.present`. */
export function presentPages(
  history: PageHistory,
  view: View,
  countMax: number,
): PageSet | undefined {
  if (history.chains.table.count > countMax) return undefined;
  const stored = history.chains.table.pagesIn(1, view.pageCount);
  return pageSetOf(stored.filter((page) => !history.isMissing(view, page)).map(toPageIndex));
}

import { type CommitId, MutablePageSet, type PageSet, pageRange, unionInto } from "@graft/core";
import type { Pin, RemotePoint } from "../../store/local-store.ts";
import { type Contents, cutContents } from "./remote-model.ts";

/** No page of a history is above it. */
const PAGE_MAX = 1000;

interface ModelCommit {
  readonly version: number;
  readonly pageCount: number;
  readonly pages: ReadonlySet<number>;
  readonly note: ModelNote;
}

/** What a commit says besides pages. */
export interface ModelNote {
  readonly reads?: PageSet;
  readonly replay?: Uint8Array;
}

/** A note that goes with the contents a commit writes: none, one of the two, or both. */
export function noteFor(writes: Contents): ModelNote {
  const drawn = Math.max(0, ...writes.values());
  return {
    ...((drawn & 1) === 1 && { reads: pageRange(1 + (drawn % 7), drawn % 13) }),
    ...((drawn & 2) === 2 && { replay: new Uint8Array(drawn % 50).fill(drawn) }),
  };
}

/** A change that makes fetched pages of older snapshots useless for newer ones. */
interface ModelEvent {
  readonly version: number;
  readonly pages: PageSet;
}

export interface ModelPush {
  readonly commitId: CommitId;
  readonly toVersion: number;
  readonly commitCount: number;
  /** What is remembered of segments: that it is the same list. */
  readonly uploaded: readonly { readonly segmentId: string }[];
}

/** What a pin sees, besides what of it is here. */
export interface ModelPin {
  readonly version: number;
  readonly pageCount: number;
  readonly remote: RemotePoint | undefined;
  /** The version at which the volume was exactly the remote snapshot. */
  readonly start: number;
  /** Pages that were here once: they must stay. */
  readonly present: Set<number>;
  /** Pages written locally on top of the remote snapshot: they must be here. */
  readonly local: ReadonlySet<number>;
}

/** A pin of the store under test, and what it must show. */
export interface HeldPin {
  readonly pin: Pin;
  readonly model: ModelPin;
}

/**
 * A local store as its definition has it: the whole page map of every version, and the pages of the
 * latest one that must be readable without a fetch.
 */
export class ReplicaModel {
  /** By version. */
  readonly #contents: Contents[] = [new Map()];
  readonly #pageCounts: number[] = [0];
  readonly #events: ModelEvent[] = [];
  pending: ModelCommit[] = [];
  push: ModelPush | undefined;
  remote: RemotePoint | undefined;
  start = 0;
  isDiverged = false;
  /** Pages of the latest version that are here. */
  present: Set<number> = new Set();

  /** An independent copy. */
  clone(): ReplicaModel {
    const copy = new ReplicaModel();
    copy.#contents.splice(0, 1, ...this.#contents);
    copy.#pageCounts.splice(0, 1, ...this.#pageCounts);
    copy.#events.push(...this.#events);
    copy.pending = [...this.pending];
    copy.push = this.push;
    copy.remote = this.remote;
    copy.start = this.start;
    copy.isDiverged = this.isDiverged;
    copy.present = new Set(this.present);
    return copy;
  }

  /** The state as text, the same for a store in the same state: see `describeState`. */
  describe(): string {
    return describeState({
      version: this.version,
      pageCount: this.pageCount,
      remote: this.remote,
      pending: this.pending,
      push: this.push,
      isDiverged: this.isDiverged,
    });
  }

  get version(): number {
    return this.#contents.length - 1;
  }

  get pageCount(): number {
    return this.#pageCounts[this.version] ?? 0;
  }

  keepUploaded(uploaded: ModelPush["uploaded"]): void {
    if (this.push !== undefined) this.push = { ...this.push, uploaded };
  }

  contentOf(version: number, page: number): number | undefined {
    return this.#contents[version]?.get(page);
  }

  pin(version: number = this.version): ModelPin {
    const isLatest = version === this.version;
    const local = new Set<number>();
    for (const commit of this.pending) {
      if (commit.version <= version) for (const page of commit.pages) local.add(page);
    }
    const { remote, start } = this;
    const pageCount = this.#pageCounts[version] ?? 0;
    const present = new Set(isLatest ? this.present : []);
    return { version, pageCount, remote, start, local, present };
  }

  commit(pageCount: number, writes: Contents): void {
    const contents = cutContents(this.#contents.at(-1), pageCount);
    for (const [page, content] of writes) contents.set(page, content);
    const grown = this.pageCount;
    this.#add(contents, pageCount);
    const { version } = this;
    const pages = new Set(writes.keys());
    this.pending.push({ version, pageCount, pages, note: noteFor(writes) });
    this.present = keep(this.present, (page) => page <= pageCount);
    for (const page of writes.keys()) this.present.add(page);
    for (let page = grown + 1; page <= pageCount; page++) this.present.add(page);
  }

  applyRemote(remote: RemotePoint, contents: Contents, changed: PageSet): void {
    if (this.remote === undefined && this.version > 0) this.present.clear();
    this.present = keep(
      this.present,
      (page) => !changed.contains(page) && page <= remote.pageCount,
    );
    this.#moveTo(remote, contents, changed);
  }

  mergeRemote(remote: RemotePoint, contents: Contents, changed: PageSet): void {
    const merged = new Map(contents);
    for (const { pages } of this.pending) {
      for (const page of pages) {
        const content = this.contentOf(this.version, page);
        if (content !== undefined) merged.set(page, content);
      }
    }
    const { pageCount } = remote;
    this.present = keep(this.present, (page) => !changed.contains(page) && page <= pageCount);
    this.pending = this.pending.map((commit) => ({ ...commit, pageCount }));
    this.isDiverged = false;
    this.#moveTo(remote, merged, changed);
  }

  completePush(remote: RemotePoint): void {
    const { push } = this;
    if (push === undefined) throw new Error("a push was prepared");
    const pushed = this.pending.slice(0, push.commitCount);
    this.pending = this.pending.slice(push.commitCount);
    this.#events.push({ version: push.toVersion, pages: touchedBy(pushed) });
    this.remote = remote;
    this.start = push.toVersion;
    this.push = undefined;
    this.isDiverged = false;
  }

  reset(remote: RemotePoint | undefined, contents: Contents, changed: PageSet): void {
    const all = touchedBy(this.pending);
    const base = this.remote?.pageCount ?? 0;
    if (base < PAGE_MAX) all.insertRange(base + 1, PAGE_MAX);
    unionInto(all, changed);
    this.present = keep(this.present, (page) => !all.contains(page));
    this.pending = [];
    this.push = undefined;
    this.isDiverged = false;
    this.#moveTo(remote, contents, all);
  }

  /** Only what cannot be fetched again is certain to be here. */
  evicted(): void {
    const local = new Set(this.pending.flatMap((commit) => [...commit.pages]));
    this.present = keep(this.present, (page) => local.has(page));
  }

  /** Whether a page fetched for the pin must serve the latest version too. */
  servesLatest(pin: ModelPin, page: number): boolean {
    if (page > this.pageCount) return false;
    const since = this.#events.filter((event) => event.version > pin.start);
    if (since.some((event) => event.pages.contains(page))) return false;
    return !touchedBy(this.pending).contains(page);
  }

  #moveTo(remote: RemotePoint | undefined, contents: Contents, changed: PageSet): void {
    this.#add(contents, remote?.pageCount ?? 0);
    this.#events.push({ version: this.version, pages: changed });
    this.remote = remote;
    this.start = this.version;
  }

  #add(contents: Contents, pageCount: number): void {
    this.#contents.push(contents);
    this.#pageCounts.push(pageCount);
  }
}

/** What can be compared of a store's state and a model's. */
export interface DescribedState {
  readonly version: number;
  readonly pageCount: number;
  readonly remote: RemotePoint | undefined;
  readonly pending: readonly {
    readonly version: number;
    readonly pageCount: number;
    readonly pages: Iterable<number>;
    readonly note?: ModelNote;
    readonly reads?: PageSet;
    readonly replay?: Uint8Array;
  }[];
  readonly push: ModelPush | undefined;
  readonly isDiverged: boolean;
}

export function describeState(state: DescribedState): string {
  const { push, remote } = state;
  return JSON.stringify({
    version: state.version,
    pageCount: state.pageCount,
    remote: remote === undefined ? "none" : String(remote.lsn),
    pending: state.pending.map(({ version, pageCount, pages, note, ...own }) => [
      version,
      pageCount,
      [...pages].sort((a, b) => a - b),
      describeNote(note ?? own),
    ]),
    push: push === undefined ? "none" : describePush(push),
    isDiverged: state.isDiverged,
  });
}

function describeNote({ reads, replay }: ModelNote): unknown {
  return [reads === undefined ? "unknown" : [...reads], replay === undefined ? [] : [...replay]];
}

function describePush({ commitId, toVersion, commitCount, uploaded }: ModelPush): unknown {
  return [commitId, toVersion, commitCount, uploaded.map((segment) => segment.segmentId)];
}

/** Pages that were written, or cut off, by these commits. */
function touchedBy(commits: readonly ModelCommit[]): PageSet {
  const touched = new MutablePageSet();
  for (const commit of commits) {
    for (const page of commit.pages) touched.insert(page);
    if (commit.pageCount < PAGE_MAX) touched.insertRange(commit.pageCount + 1, PAGE_MAX);
  }
  return touched;
}

function keep(pages: ReadonlySet<number>, test: (page: number) => boolean): Set<number> {
  return new Set([...pages].filter(test));
}

import { type CommitId, invariant, PAGE_COUNT_ZERO, type PageCount } from "@graft/core";
import type { UploadedSegment } from "../remote/remote.ts";
import type { LocalCommit } from "../volume.ts";
import { foldPending } from "./fold-pending.ts";
import { type ReadReplay, replaySizeOf, resized } from "./local-commit.ts";
import type { LocalState, PreparedPush, RemotePoint } from "./local-store.ts";

/** What a replica is besides its pages, and how each change of a local store changes it. */
export class ReplicaFacts {
  #version: number;
  #pageCount: PageCount;
  #remote: RemotePoint | undefined;
  /** Only ever appended to; a shorter one is a new array. Earlier states share it. */
  #pending: LocalCommit[];
  #push: PreparedPush | undefined;
  #isDiverged: boolean;
  #state: LocalState | undefined;
  #replaySize = 0;

  constructor(state: LocalState = EMPTY_STATE) {
    this.#version = state.version;
    this.#pageCount = state.pageCount;
    this.#remote = state.remote;
    this.#pending = [...state.pending];
    this.#push = state.push;
    this.#isDiverged = state.isDiverged;
    this.#replaySize = totalReplaySize(this.#pending);
  }

  get version(): number {
    return this.#version;
  }

  get pageCount(): PageCount {
    return this.#pageCount;
  }

  get remote(): RemotePoint | undefined {
    return this.#remote;
  }

  get push(): PreparedPush | undefined {
    return this.#push;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Bytes of replay that pending commits carry. */
  get replaySize(): number {
    return this.#replaySize;
  }

  /** An immutable value; the same until the next change. */
  state(): LocalState {
    this.#state ??= snapshotOf(this, this.#pending, this.#isDiverged);
    return this.#state;
  }

  commit(commit: LocalCommit): void {
    invariant(commit.version === this.#version + 1, "versions have no gaps");
    this.#pending.push(commit);
    this.#replaySize += replaySizeOf(commit);
    this.#version = commit.version;
    this.#pageCount = commit.pageCount;
    this.#state = undefined;
  }

  mustBeClean(): void {
    invariant(this.#pending.length === 0, "a pull is applied without pending commits");
    invariant(this.#push === undefined, "a pull is applied without a prepared push");
  }

  applyRemote(remote: RemotePoint): void {
    this.mustBeClean();
    this.#moveTo(remote);
  }

  /**
   * The base a merge stands on. @throws InvariantError when these commits cannot be carried over
   */
  mustBeMergeable(remote: RemotePoint): RemotePoint {
    const base = this.#remote;
    invariant(base !== undefined && remote.lsn > base.lsn, "a merge stands on a later snapshot");
    invariant(this.#pending.length > 0, "a merge carries commits over");
    invariant(this.#push === undefined, "a merge is applied without a prepared push");
    invariant(
      this.#pending.every(({ pageCount }) => pageCount === base.pageCount),
      "commits that are carried over left the page count alone",
    );
    invariant(
      this.#pending.every(({ pages }) => (pages.last ?? 0) <= remote.pageCount),
      "pages that are carried over exist on the new snapshot",
    );
    return base;
  }

  /** Pending commits stand on another snapshot now. */
  mergeRemote(remote: RemotePoint, readReplay: ReadReplay | undefined): void {
    this.mustBeMergeable(remote);
    this.#pending = this.#pending.map((one) => resized(one, remote.pageCount, readReplay));
    this.#isDiverged = false;
    this.#moveTo(remote);
  }

  /** What a push would send now. @param start the version at which the remote snapshot moved */
  fold(commitId: CommitId, start: number): PreparedPush {
    invariant(this.#push === undefined, "one push is prepared at a time");
    return foldPending(commitId, { remote: this.#remote, start }, this.#pending);
  }

  preparePush(push: PreparedPush): void {
    this.#push = push;
    this.#state = undefined;
  }

  /** Of the segments known so far the first `keptCount` stay, and `added` follow. */
  keepUploaded(keptCount: number, added: readonly UploadedSegment[]): void {
    const push = this.#push;
    invariant(push !== undefined, "a push was prepared");
    const { uploaded } = push;
    invariant(keptCount <= uploaded.length, "segments that are kept were uploaded before");
    this.#push = { ...push, uploaded: [...uploaded.slice(0, keptCount), ...added] };
    this.#state = undefined;
  }

  mustBePushed(remote: RemotePoint): PreparedPush {
    const push = this.#push;
    invariant(push !== undefined, "a push was prepared");
    invariant(remote.pageCount === push.pageCount, "the remote commit has the pushed page count");
    return push;
  }

  completePush(remote: RemotePoint): void {
    const push = this.mustBePushed(remote);
    this.#pending = this.#pending.slice(push.commitCount);
    this.#replaySize = totalReplaySize(this.#pending);
    this.#remote = remote;
    this.#push = undefined;
    this.#isDiverged = false;
    this.#state = undefined;
  }

  endPush(isDiverged: boolean): void {
    this.#push = undefined;
    this.#isDiverged ||= isDiverged;
    this.#state = undefined;
  }

  reset(remote: RemotePoint | undefined): void {
    this.#pending = [];
    this.#replaySize = 0;
    this.#push = undefined;
    this.#isDiverged = false;
    this.#moveTo(remote);
  }

  #moveTo(remote: RemotePoint | undefined): void {
    this.#version++;
    this.#remote = remote;
    this.#pageCount = remote?.pageCount ?? PAGE_COUNT_ZERO;
    this.#state = undefined;
  }
}

const EMPTY_STATE: LocalState = {
  version: 0,
  pageCount: PAGE_COUNT_ZERO,
  remote: undefined,
  pending: [],
  push: undefined,
  isDiverged: false,
};

function totalReplaySize(pending: readonly LocalCommit[]): number {
  return pending.reduce((sum, commit) => sum + replaySizeOf(commit), 0);
}

/** Commits may pend by the thousands: their list is copied when somebody looks at it. */
function snapshotOf(
  facts: ReplicaFacts,
  pending: readonly LocalCommit[],
  isDiverged: boolean,
): LocalState {
  const count = pending.length;
  let copy: readonly LocalCommit[] | undefined;
  return {
    version: facts.version,
    pageCount: facts.pageCount,
    remote: facts.remote,
    push: facts.push,
    isDiverged,
    get pending(): readonly LocalCommit[] {
      copy ??= pending.slice(0, count);
      return copy;
    },
  };
}

/**
 * The MetaStore as one caller may use it: each operation asks for its right before anything is
 * looked at, so that what is forbidden and what does not exist are told the same way, equally fast.
 * A bound on LSNs (`maxLsn`) makes it the newest: "the latest" stops there, what is above it is
 * refused, whether it exists or not.
 */
import {
  type Caller,
  checkLsn,
  type Grant,
  type Guard,
  grantOf,
  isGranted,
  METASTORE_RIGHTS,
  takeRoom,
} from "@graft/auth";
import {
  type Clock,
  type GraftError,
  inTurn,
  isGraftError,
  type Lsn,
  type LsnRange,
  nextLsn,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import type {
  CommitAnswer,
  CommitRequest,
  CreateVolumeAnswer,
  PullCommitsAnswer,
  PullCommitsRequest,
  PullGraftAnswer,
  StreamSink,
  WatchEvent,
  WatchRequest,
} from "@graft/rpc";
import { asRefused } from "./as-refused.ts";
import type { FoundSnapshot, Metastore } from "./metastore.ts";
import type { WatchTerms } from "./watch-terms.ts";

/** What a service offers; a new operation of the MetaStore does not compile without its guard. */
export type MetastoreOperations = Pick<Metastore, keyof Metastore>;

/**
 * The operations for the bearer of a token.
 *
 * @throws GraftError `unauthenticated`, `unavailable`
 */
export type OpenMetastore = (
  token: string | undefined,
) => MetastoreOperations | Promise<MetastoreOperations>;

/** Asks the guard about each caller; an open one lets all of them at the MetaStore itself. */
export function guardMetastore(metastore: Metastore, guard: Guard, clock: Clock): OpenMetastore {
  if (guard.isOpen) return () => metastore;
  return async (token) => {
    try {
      const caller = await guard.authenticate(token);
      return new GuardedMetastore({ metastore, guard, clock, caller });
    } catch (error) {
      throw asRefused(error);
    }
  };
}

/** Volumes of a `Watch` that are judged in one step: an error each, at some 10 µs. */
const STEP_VOLUME_COUNT = 64;

interface Parts {
  readonly metastore: Metastore;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly caller: Caller;
}

class GuardedMetastore implements MetastoreOperations {
  readonly #metastore: Metastore;
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #caller: Caller;

  constructor({ metastore, guard, clock, caller }: Parts) {
    this.#metastore = metastore;
    this.#guard = guard;
    this.#clock = clock;
    this.#caller = caller;
  }

  async createVolume(
    volumeId: VolumeId,
    pageSize: PageSize,
    signal?: AbortSignal,
  ): Promise<CreateVolumeAnswer> {
    this.#grant("createVolume", volumeId);
    return await this.#metastore.createVolume(volumeId, pageSize, signal);
  }

  async getSnapshot(
    volumeId: VolumeId,
    lsn: Lsn | undefined,
    signal?: AbortSignal,
  ): Promise<FoundSnapshot> {
    const grant = this.#grant("getSnapshot", volumeId);
    checkLsn(grant, volumeId, lsn);
    const { maxLsn } = grant;
    const found = await this.#metastore.getSnapshot(volumeId, lsn, signal);
    if (maxLsn === undefined || found.snapshot.lsn <= maxLsn) return found;
    return await this.#metastore.getSnapshot(volumeId, maxLsn, signal);
  }

  async pullGraft(
    volumeId: VolumeId,
    range: LsnRange,
    signal?: AbortSignal,
  ): Promise<PullGraftAnswer> {
    const grant = this.#grant("pullGraft", volumeId);
    const within = await this.#within(grant, volumeId, range, signal);
    return await this.#metastore.pullGraft(volumeId, within, signal);
  }

  async pullCommits(request: PullCommitsRequest, signal?: AbortSignal): Promise<PullCommitsAnswer> {
    const { volumeId } = request;
    const grant = this.#grant("pullCommits", volumeId);
    const range = await this.#within(grant, volumeId, request.range, signal);
    return await this.#metastore.pullCommits({ ...request, range }, signal);
  }

  async commit(request: CommitRequest, signal?: AbortSignal): Promise<CommitAnswer> {
    const { volumeId, baseLsn, inlineFrames } = request;
    try {
      const grant = this.#grant("commit", volumeId);
      checkLsn(grant, volumeId, nextLsn(baseLsn));
      const sizeBytes = inlineFrames.reduce((sum, { data }) => sum + data.length, 0);
      takeRoom(this.#guard.allowances, this.#caller, grant, { volumeId, sizeBytes });
    } catch (error) {
      throw asRefused(error);
    }
    const mayCreate = isGranted(this.#caller, "create", volumeId);
    return await this.#metastore.commit(request, signal, { mayCreate });
  }

  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const over = new AbortController();
    // A reader that leaves does not always end the generator: its signal does.
    signal.addEventListener("abort", () => over.abort(WATCHED), { once: true });
    try {
      const { allowed, terms } = await this.#watchTerms(request, over.signal);
      yield* this.#metastore.watch(allowed, signal, terms);
    } finally {
      over.abort(WATCHED);
    }
  }

  async streamNews(request: WatchRequest, sink: StreamSink, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    try {
      const { allowed, terms } = await this.#watchTerms(request, over.signal);
      signal.throwIfAborted();
      await this.#metastore.streamNews(allowed, sink, signal, terms);
    } finally {
      over.abort(WATCHED);
    }
  }

  #grant(rpc: keyof typeof METASTORE_RIGHTS, volumeId: VolumeId): Grant {
    return grantOf(this.#caller, METASTORE_RIGHTS[rpc], volumeId);
  }

  /** The range as far as the caller may see; its end is then said, and exists. */
  async #within(
    grant: Grant,
    volumeId: VolumeId,
    range: LsnRange,
    signal: AbortSignal | undefined,
  ): Promise<LsnRange> {
    checkLsn(grant, volumeId, range.end);
    const { maxLsn } = grant;
    if (maxLsn === undefined || range.end !== undefined) return range;
    const { snapshot } = await this.#metastore.getSnapshot(volumeId, undefined, signal);
    const newest = snapshot.lsn;
    if (newest > maxLsn) return { start: range.start, end: maxLsn };
    return { start: range.start, end: newest };
  }

  /** Those volumes that may be read, and what is told of the others. */
  async #watchTerms(
    request: WatchRequest,
    signal: AbortSignal,
  ): Promise<{ readonly allowed: WatchRequest; readonly terms: WatchTerms }> {
    const maxLsns = new Map<VolumeId, Lsn>();
    const ends: WatchEvent[] = [];
    const volumes: WatchRequest["volumes"][number][] = [];
    let first: GraftError | undefined;
    const judge = (volume: WatchRequest["volumes"][number]): void => {
      const { volumeId, lsn } = volume;
      try {
        const grant = this.#grant("watch", volumeId);
        checkLsn(grant, volumeId, lsn);
        if (grant.maxLsn !== undefined) maxLsns.set(volumeId, grant.maxLsn);
        volumes.push(volume);
      } catch (error) {
        if (!isGraftError(error, "permission-denied")) throw error;
        first ??= error;
        ends.push({ kind: "end", volumeId, code: error.code, message: error.message });
      }
    };
    for (let at = 0; at < request.volumes.length; at += STEP_VOLUME_COUNT) {
      const some = request.volumes.slice(at, at + STEP_VOLUME_COUNT);
      await inTurn(this.#clock, () => some.forEach(judge), signal);
    }
    if (first !== undefined && volumes.length === 0) throw first;
    const whenInvalid = this.#guard.whenInvalid(this.#caller, signal);
    // Whoever is refused a stream never listens.
    whenInvalid.catch(() => undefined);
    return { allowed: { ...request, volumes }, terms: { maxLsns, ends, whenInvalid } };
  }
}

/** Why a token is no longer looked at. One for all: making an error with its stack is dear. */
const WATCHED = new DOMException("the stream is over", "AbortError");

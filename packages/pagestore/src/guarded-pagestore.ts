/**
 * The PageStore as one caller may use it: each operation asks for its right before anything is
 * looked at, caches included, so that what is forbidden and what does not exist are told the same
 * way, equally fast. The MetaStore is asked with the caller's token, and judges it itself.
 */
import {
  type Caller,
  checkLsn,
  type Guard,
  grantOf,
  PAGESTORE_RIGHTS,
  takeRoom,
} from "@graft/auth";
import type { Lsn, Page, PageSize, VolumeId } from "@graft/core";
import type {
  ReadPagesAnswer,
  ReadPagesRequest,
  SegmentInfo,
  StreamPagesRequest,
  WritePagesRequest,
} from "@graft/rpc";
import type { AllPagesRequest, Pagestore } from "./pagestore.ts";

/** What a service offers; a new operation of the PageStore does not compile without its guard. */
export type PagestoreOperations = {
  readonly [Name in keyof Pagestore]: Pagestore[Name];
};

/**
 * The operations for the bearer of a token.
 *
 * @throws GraftError `unauthenticated`, `unavailable`
 */
export type OpenPagestore = (
  token: string | undefined,
) => PagestoreOperations | Promise<PagestoreOperations>;

/** Asks the guard about each caller. */
export function guardPagestore(pagestore: Pagestore, guard: Guard): OpenPagestore {
  return async (token) => {
    if (guard.isOpen && token === undefined) return pagestore;
    const caller = await guard.authenticate(token);
    return new GuardedPagestore({ pagestore, guard, caller });
  };
}

interface Parts {
  readonly pagestore: Pagestore;
  readonly guard: Guard;
  readonly caller: Caller;
}

class GuardedPagestore implements PagestoreOperations {
  readonly #pagestore: Pagestore;
  readonly #guard: Guard;
  readonly #caller: Caller;

  constructor({ pagestore, guard, caller }: Parts) {
    this.#pagestore = pagestore;
    this.#guard = guard;
    this.#caller = caller;
  }

  async readPages(request: ReadPagesRequest, signal?: AbortSignal): Promise<ReadPagesAnswer> {
    const { volumeId } = request;
    const lsn = request.lsn ?? (await this.newestLsn(volumeId, signal));
    this.#checkRead("readPages", { volumeId, lsn });
    const answer = await this.#pagestore.readPages({ ...request, lsn }, signal, this.#caller.token);
    return request.lsn === undefined ? { ...answer, lsn } : answer;
  }

  async newestLsn(volumeId: VolumeId, signal?: AbortSignal): Promise<Lsn> {
    grantOf(this.#caller, PAGESTORE_RIGHTS.readPages, volumeId);
    return await this.#pagestore.newestLsn(volumeId, signal, this.#caller.token);
  }

  async readAllPages(
    request: AllPagesRequest,
    pageSize: PageSize,
    signal?: AbortSignal,
  ): Promise<readonly Page[]> {
    this.#checkRead("readPages", request);
    return await this.#pagestore.readAllPages(request, pageSize, signal, this.#caller.token);
  }

  async *streamPages(
    request: StreamPagesRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<ReadPagesAnswer> {
    this.#checkRead("streamPages", request);
    const { token } = this.#caller;
    for await (const answer of this.#pagestore.streamPages(request, signal, token)) {
      yield answer;
      // It may go on for hours: longer than the token.
      await this.#guard.authenticate(token);
    }
  }

  async writePages(
    request: WritePagesRequest,
    signal?: AbortSignal,
  ): Promise<readonly SegmentInfo[]> {
    const { volumeId, pages, pageSize } = request;
    const grant = grantOf(this.#caller, PAGESTORE_RIGHTS.writePages, volumeId);
    const sizeBytes = pages.length * pageSize;
    takeRoom(this.#guard.allowances, this.#caller, grant, { volumeId, sizeBytes });
    return await this.#pagestore.writePages(request, signal);
  }

  #checkRead(
    rpc: "readPages" | "streamPages",
    { volumeId, lsn }: { readonly volumeId: VolumeId; readonly lsn: Lsn },
  ): void {
    checkLsn(grantOf(this.#caller, PAGESTORE_RIGHTS[rpc], volumeId), volumeId, lsn);
  }
}

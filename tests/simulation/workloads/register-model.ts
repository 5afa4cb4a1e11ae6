/**
 * What a volume of numbered pages should hold: at each LSN, by what was asked of the server; at
 * each local version of each replica, by what was written there.
 */
import type { RemoteCommitRequest, UploadedSegment } from "@graft/client";
import { type ClientId, type CommitId, invariant, type Page } from "@graft/core";
import type { CommitRecord } from "@graft/format";
import { tagOf } from "../../harness/pages.ts";

/** The number in each page; 0 in a page that was never written. */
export type Tags = readonly number[];

interface Attempt {
  readonly base: bigint;
  readonly tags: Tags;
}

export class RegisterModel {
  readonly #atLsn = new Map<bigint, Tags>([[0n, []]]);
  readonly #authors = new Map<bigint, ClientId>();
  readonly #attempts = new Map<CommitId, Attempt>();
  /** The newest LSN that a push was answered with: who asks from now on hears of it. */
  acknowledged = 0n;
  readonly #uploads = new Map<string, ReadonlyMap<number, number>>();

  /** What the volume holds at an LSN, which must exist. */
  at(lsn: bigint | undefined): Tags {
    const tags = this.#atLsn.get(lsn ?? 0n);
    invariant(tags !== undefined, `LSN ${lsn} exists`);
    return tags;
  }

  /**
   * Who committed at an LSN; undefined when nobody did, or when it is a fence, which is there to
   * be in the way.
   */
  authorAt(lsn: bigint): ClientId | undefined {
    return this.#authors.get(lsn);
  }

  get head(): bigint {
    return BigInt(this.#atLsn.size - 1);
  }

  /** Pages were stored under these segment ids. */
  uploaded(segments: readonly UploadedSegment[], pages: readonly Page[]): void {
    const tags = new Map(pages.map(({ index, data }) => [Number(index), tagOf(data)]));
    for (const { segmentId } of segments) this.#uploads.set(String(segmentId), tags);
  }

  /** Somebody asks for a commit: what it would make. The same id asks for the same, always. */
  asked(request: RemoteCommitRequest): Tags {
    const base = request.base ?? 0n;
    const tags = this.#outcomeOf(request, this.at(base));
    const known = this.#attempts.get(request.commitId);
    if (known === undefined) this.#attempts.set(request.commitId, { base, tags });
    else {
      invariant(known.base === base, `commit ${request.commitId} keeps its base`);
      invariant(isSame(known.tags, tags), `commit ${request.commitId} keeps its contents`);
    }
    return tags;
  }

  /** A commit came into being. */
  landed(record: CommitRecord): void {
    const attempt = record.commitId && this.#attempts.get(record.commitId);
    invariant(attempt !== undefined, `LSN ${record.lsn} was asked for`);
    invariant(attempt.base === record.lsn - 1n, `LSN ${record.lsn} stands on its base`);
    this.#atLsn.set(record.lsn, attempt.tags);
    if (record.metadata?.message !== "fence") this.#authors.set(record.lsn, record.clientId);
  }

  #outcomeOf(request: RemoteCommitRequest, base: Tags): Tags {
    const written = new Map(
      request.inlinePages.map(({ index, data }) => [Number(index), tagOf(data)]),
    );
    for (const { segmentId } of request.segments) {
      const pages = this.#uploads.get(String(segmentId));
      invariant(pages !== undefined, `segment ${segmentId} was uploaded`);
      for (const [index, tag] of pages) written.set(index, tag);
    }
    return Array.from({ length: request.pageCount }, (_, at) => {
      const old = at < request.lowPageCount ? base[at] : undefined;
      return written.get(at + 1) ?? old ?? 0;
    });
  }
}

export function isSame(one: Tags, other: Tags): boolean {
  return one.length === other.length && one.every((tag, at) => tag === other[at]);
}

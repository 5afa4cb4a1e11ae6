import { invariant, type PageCount, type PageSet } from "@graft/core";
import type { LocalCommit } from "../volume.ts";

/** Bytes of the replay of one commit. */
export const REPLAY_SIZE_MAX: number = 16 * 1024 * 1024;

/** Where the replay of a pending commit is. On disk it stays there: thousands may pend. */
export type ReplayPlace =
  | { readonly kind: "memory"; readonly size: number; readonly bytes: Uint8Array }
  | {
      readonly kind: "log" | "index";
      readonly generation: number;
      /** In that file, bytes. */
      readonly offset: number;
      readonly size: number;
      readonly checksum: number;
    };

/** A pending commit whose replay has a place. */
export interface CommitParts extends Omit<LocalCommit, "replay"> {
  readonly replay?: ReplayPlace;
}

/** @throws GraftError `corrupt`, `io` · `not-found`: the commit pends no more */
export type ReadReplay = (version: number, place: ReplayPlace) => Uint8Array;

const partsByCommit = new WeakMap<LocalCommit, CommitParts>();

/**
 * A pending commit that reads its replay when somebody looks at it.
 *
 * @param readReplay without it the commit shows none
 */
export function createLocalCommit(parts: CommitParts, readReplay?: ReadReplay): LocalCommit {
  const { replay, ...rest } = parts;
  const commit: LocalCommit =
    replay === undefined || readReplay === undefined
      ? rest
      : {
          ...rest,
          get replay(): Uint8Array {
            return readReplay(parts.version, replay);
          },
        };
  partsByCommit.set(commit, parts);
  return commit;
}

/** What a commit was made of. */
export function partsOf(commit: LocalCommit): CommitParts {
  const parts = partsByCommit.get(commit);
  invariant(parts !== undefined, "a pending commit was made by createLocalCommit");
  return parts;
}

/** Bytes of replay that a commit carries. */
export function replaySizeOf(commit: LocalCommit): number {
  return partsByCommit.get(commit)?.replay?.size ?? 0;
}

/** The same commit in a volume of another size. */
export function resized(
  commit: LocalCommit,
  pageCount: PageCount,
  readReplay?: ReadReplay,
): LocalCommit {
  return createLocalCommit({ ...partsOf(commit), pageCount }, readReplay);
}

/** The fields of a note and a read set that are there, for a spread. */
export function noteFieldsOf({
  message,
  appTransactionId,
  reads,
}: {
  readonly message?: string | undefined;
  readonly appTransactionId?: string | undefined;
  readonly reads?: PageSet | undefined;
}): { message?: string; appTransactionId?: string; reads?: PageSet } {
  return {
    ...(message !== undefined && { message }),
    ...(appTransactionId !== undefined && { appTransactionId }),
    ...(reads !== undefined && { reads }),
  };
}

import {
  type CommitId,
  GraftError,
  InvariantError,
  invariant,
  type PageCount,
  type PageSet,
} from "@graft/core";
import type { UploadedSegment } from "../../remote/remote.ts";
import type { Location, PageVersion } from "../history/page-chains.ts";
import type { PlacedList } from "../history/page-places.ts";
import { restoreAll } from "../history/restore-all.ts";
import type { ReplayPlace } from "../local-commit.ts";
import type { RemotePoint } from "../local-store.ts";
import type { Replica } from "../replica.ts";

/** What a record of the log says. */
export type LogChange =
  | {
      readonly kind: "commit";
      readonly version: number;
      readonly pageCount: PageCount;
      readonly pageSize: number;
      readonly pages: PlacedList;
      readonly message?: string;
      readonly appTransactionId?: string;
      readonly reads?: PageSet;
      readonly replay?: ReplayPlace;
    }
  | {
      readonly kind: "pull";
      readonly version: number;
      readonly remote: RemotePoint;
      readonly changed: PageSet;
    }
  | {
      /** A pull under pending commits, which stand on the new snapshot then. */
      readonly kind: "merge";
      readonly version: number;
      readonly remote: RemotePoint;
      readonly changed: PageSet;
    }
  | {
      readonly kind: "reset";
      readonly version: number;
      readonly remote: RemotePoint | undefined;
      readonly changed: PageSet;
    }
  | { readonly kind: "prepare"; readonly commitId: CommitId; readonly toVersion: number }
  | { readonly kind: "complete"; readonly remote: RemotePoint }
  | { readonly kind: "end"; readonly isDiverged: boolean }
  | {
      readonly kind: "fetched";
      readonly version: number;
      readonly pages: readonly (readonly [page: number, location: Location])[];
    }
  | { readonly kind: "dropped"; readonly pages: PageSet }
  | {
      readonly kind: "uploaded";
      /** How many of the segments named before stay. */
      readonly keptCount: number;
      /** What follows them. */
      readonly segments: readonly UploadedSegment[];
    }
  | ReserveChange
  | ContinueChange;

/** A process takes slots that no record names; nobody else writes them while it lives. */
export interface ReserveChange {
  readonly kind: "reserve";
  /** The opener number of the process. */
  readonly opener: number;
  readonly extents: readonly Extent[];
}

/** Slots `first` … `first + count − 1`. */
export interface Extent {
  readonly first: number;
  readonly count: number;
}

/** The first record of a log: which end of which log it continues, and what moved meanwhile. */
export interface ContinueChange {
  readonly kind: "continue";
  readonly generation: number;
  /** Where the last record of that log ends. */
  readonly size: number;
  readonly sequence: number;
  readonly checksum: number;
  readonly moved: readonly PageVersion[];
}

/** The numbers of kinds on disk. A commit has two: with notes of its own, and without. */
export const CHANGE_KINDS = {
  commit: 1,
  pull: 2,
  reset: 3,
  prepare: 4,
  complete: 5,
  end: 6,
  fetched: 7,
  dropped: 8,
  uploaded: 9,
  reserve: 10,
  continue: 11,
  notedCommit: 12,
  merge: 13,
} as const;

/**
 * Applies a change to the state before it. The store does this after the record was written,
 * recovery when it was read back.
 */
export function applyChange(replica: Replica, change: LogChange): void {
  switch (change.kind) {
    case "commit":
      replica.commit(change);
      break;
    case "pull":
      replica.applyRemote(change.remote, change.changed);
      break;
    case "merge":
      replica.mergeRemote(change.remote, change.changed);
      break;
    case "reset":
      replica.reset(change.remote, change.changed);
      break;
    case "prepare":
      replica.preparePush(change.commitId);
      break;
    case "complete":
      replica.completePush(change.remote);
      break;
    case "end":
      replica.endPush(change.isDiverged);
      break;
    case "fetched":
      restoreAll(replica.history, change.version, change.pages);
      break;
    case "dropped":
      for (const page of change.pages) replica.history.forgetNewest(page);
      break;
    case "uploaded":
      replica.facts.keepUploaded(change.keptCount, change.segments);
      break;
    case "reserve":
    case "continue":
      // They say nothing of the replica: who follows the log heeds them (store-share.ts).
      break;
  }
}

/**
 * Applies a change that was read from disk: one that does not fit the state before it is damage,
 * not broken code.
 */
export function replayChange(replica: Replica, change: LogChange): void {
  const { version } = replica.facts;
  if ("version" in change && change.kind !== "fetched" && change.version !== version + 1) {
    throw new GraftError("corrupt", `version ${change.version} follows version ${version}`);
  }
  try {
    applyChange(replica, change);
    if (change.kind === "prepare") {
      invariant(replica.facts.push?.toVersion === change.toVersion, "a push is all that pends");
    }
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    throw new GraftError("corrupt", `a ${change.kind} record does not fit the state before it`, {
      cause: error,
    });
  }
}

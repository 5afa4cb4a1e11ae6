import type { CommitId } from "./commit-id.ts";
import type { ClientId, VolumeId } from "./gid.ts";
import type { Lsn } from "./lsn.ts";
import type { PageSize } from "./page.ts";
import type { PageCount } from "./page-count.ts";

/** One immutable remote state of a volume. */
export interface Snapshot {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly pageCount: PageCount;
  readonly pageSize: PageSize;
  /** Who made the commit at this LSN. */
  readonly clientId: ClientId;
  /** Absent on commits made through v0.1. */
  readonly commitId?: CommitId;
  /** Ms since 1970; never below the parent's. */
  readonly timestampMs: number;
}

import type { NewsFeed } from "../watch/news-feed.ts";
import type { CompanyPoll } from "./company-poll.ts";
import type { SyncLanes } from "./sync-lanes.ts";

/** What the volumes of a client share that keep themselves current. */
export interface SyncMeans {
  /** Undefined: nobody tells what happens, and changes are asked for. */
  readonly feed: NewsFeed | undefined;
  readonly lanes: SyncLanes;
  /** Undefined: no other process can have a volume of this client open. */
  readonly company: CompanyPoll | undefined;
}

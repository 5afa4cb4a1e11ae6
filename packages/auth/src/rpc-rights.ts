import type { MetastoreService } from "@graft/proto-gen/metastore";
import type { PagestoreService } from "@graft/proto-gen/pagestore";
import type { Access } from "./scope.ts";

/** The calls of a service, by the names of its protos. */
export type MetastoreRpc = keyof typeof MetastoreService.method;
export type PagestoreRpc = keyof typeof PagestoreService.method;

/**
 * Which access each call needs, on each volume it names. A call that is missing here does not
 * compile. Health and reflection name no volume, and need no token.
 */
export const METASTORE_RIGHTS: Readonly<Record<MetastoreRpc, Access>> = {
  createVolume: "create",
  getSnapshot: "read",
  pullGraft: "read",
  pullCommits: "read",
  /** A volume's first commit makes it, unless it is there: that needs `create` as well. */
  commit: "write",
  watch: "read",
};

export const PAGESTORE_RIGHTS: Readonly<Record<PagestoreRpc, Access>> = {
  readPages: "read",
  streamPages: "read",
  writePages: "write",
};

/** The routes of v0.1, and the calls they are. */
export const RAW_ROUTE_RPCS: Readonly<Record<string, MetastoreRpc | PagestoreRpc>> = {
  "/metastore/v1/snapshot": "getSnapshot",
  "/metastore/v1/pull_graft": "pullGraft",
  "/metastore/v1/pull_commits": "pullCommits",
  "/metastore/v1/commit": "commit",
  "/pagestore/v1/read_pages": "readPages",
  "/pagestore/v1/write_pages": "writePages",
};

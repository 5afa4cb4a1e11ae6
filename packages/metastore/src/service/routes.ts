import type { ConnectRouter } from "@connectrpc/connect";
import { MetastoreService } from "@graft/proto-gen/metastore";
import type { RawRoute, StreamRoute } from "@graft/rpc";
import type { Metastore } from "../metastore.ts";
import { commit, createRawCommit } from "./commit.ts";
import { createVolume } from "./create-volume.ts";
import { createRawSnapshot, getSnapshot } from "./get-snapshot.ts";
import { createRawPullCommits, pullCommits } from "./pull-commits.ts";
import { createRawPullGraft, pullGraft } from "./pull-graft.ts";
import { createWatchStream, watch } from "./watch.ts";

/** Registers `MetastoreService`: Connect, gRPC and gRPC-Web. */
export function registerMetastore(router: ConnectRouter, metastore: Metastore): void {
  router.service(MetastoreService, {
    createVolume: (message, { signal }) => createVolume(metastore, message, signal),
    getSnapshot: (message, { signal }) => getSnapshot(metastore, message, signal),
    pullGraft: (message, { signal }) => pullGraft(metastore, message, signal),
    pullCommits: (message, { signal }) => pullCommits(metastore, message, signal),
    commit: (message, { signal }) => commit(metastore, message, signal),
    watch: (message, { signal }) => watch(metastore, message, signal),
  });
}

/** The routes of v0.1. */
export function rawMetastoreRoutes(metastore: Metastore): readonly RawRoute[] {
  return [
    createRawSnapshot(metastore),
    createRawPullGraft(metastore),
    createRawPullCommits(metastore),
    createRawCommit(metastore),
  ];
}

/** Streams that are written as bytes. */
export function metastoreStreams(metastore: Metastore): readonly StreamRoute[] {
  return [createWatchStream(metastore)];
}

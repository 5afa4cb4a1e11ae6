import type { ConnectRouter } from "@connectrpc/connect";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { type RawRoute, type StreamRoute, tokenOf } from "@graft/rpc";
import type { OpenMetastore } from "../guarded-metastore.ts";
import { commit, createRawCommit } from "./commit.ts";
import { createVolume } from "./create-volume.ts";
import { createRawSnapshot, getSnapshot } from "./get-snapshot.ts";
import { createRawPullCommits, pullCommits } from "./pull-commits.ts";
import { createRawPullGraft, pullGraft } from "./pull-graft.ts";
import { createWatchStream, watch } from "./watch.ts";

/** Registers `MetastoreService`: Connect, gRPC and gRPC-Web. */
export function registerMetastore(router: ConnectRouter, open: OpenMetastore): void {
  router.service(MetastoreService, {
    createVolume: async (message, { signal, values }) =>
      createVolume(await open(tokenOf(values)), message, signal),
    getSnapshot: async (message, { signal, values }) =>
      getSnapshot(await open(tokenOf(values)), message, signal),
    pullGraft: async (message, { signal, values }) =>
      pullGraft(await open(tokenOf(values)), message, signal),
    pullCommits: async (message, { signal, values }) =>
      pullCommits(await open(tokenOf(values)), message, signal),
    commit: async (message, { signal, values }) =>
      commit(await open(tokenOf(values)), message, signal),
    watch: async function* (message, { signal, values }) {
      yield* watch(await open(tokenOf(values)), message, signal);
    },
  });
}

/** The routes of v0.1. */
export function rawMetastoreRoutes(open: OpenMetastore): readonly RawRoute[] {
  return [
    createRawSnapshot(open),
    createRawPullGraft(open),
    createRawPullCommits(open),
    createRawCommit(open),
  ];
}

/** Streams that are written as bytes. */
export function metastoreStreams(open: OpenMetastore): readonly StreamRoute[] {
  return [createWatchStream(open)];
}

import type { ConnectRouter } from "@connectrpc/connect";
import { PagestoreService } from "@graft/proto-gen/pagestore";
import { type RawRoute, tokenOf } from "@graft/rpc";
import type { OpenPagestore } from "../guarded-pagestore.ts";
import { createRawReadPages, readPages } from "./read-pages.ts";
import { streamPages } from "./stream-pages.ts";
import { createRawWritePages, writePages } from "./write-pages.ts";

/** Registers `PagestoreService`: Connect, gRPC and gRPC-Web. */
export function registerPagestore(router: ConnectRouter, open: OpenPagestore): void {
  router.service(PagestoreService, {
    readPages: async (message, context) =>
      readPages(await open(tokenOf(context.values)), message, context),
    streamPages: async function* (message, context) {
      yield* streamPages(await open(tokenOf(context.values)), message, context);
    },
    writePages: async (message, { signal, values }) =>
      writePages(await open(tokenOf(values)), message, signal),
  });
}

/** The routes of v0.1. */
export function rawPagestoreRoutes(open: OpenPagestore): readonly RawRoute[] {
  return [createRawReadPages(open), createRawWritePages(open)];
}

const SERVICE = "/graft.pagestore.v1.PagestoreService";
/**
 * What calls take that do not say how large they are, bytes: a part of an upload, and what of an
 * answer is in memory at once, more or less.
 */
export const PAGESTORE_USUAL_SIZES: ReadonlyMap<string, number> = new Map([
  [`${SERVICE}/WritePages`, 4 * 1024 * 1024],
  [`${SERVICE}/ReadPages`, 256 * 1024],
  [`${SERVICE}/StreamPages`, 1024 * 1024],
]);

import type { ConnectRouter } from "@connectrpc/connect";
import { PagestoreService } from "@graft/proto-gen/pagestore";
import type { RawRoute } from "@graft/rpc";
import type { Pagestore } from "../pagestore.ts";
import { createRawReadPages, readPages } from "./read-pages.ts";
import { streamPages } from "./stream-pages.ts";
import { createRawWritePages, writePages } from "./write-pages.ts";

/** Registers `PagestoreService`: Connect, gRPC and gRPC-Web. */
export function registerPagestore(router: ConnectRouter, pagestore: Pagestore): void {
  router.service(PagestoreService, {
    readPages: (message, context) => readPages(pagestore, message, context),
    streamPages: (message, context) => streamPages(pagestore, message, context),
    writePages: (message, { signal }) => writePages(pagestore, message, signal),
  });
}

/** The routes of v0.1. */
export function rawPagestoreRoutes(pagestore: Pagestore): readonly RawRoute[] {
  return [createRawReadPages(pagestore), createRawWritePages(pagestore)];
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

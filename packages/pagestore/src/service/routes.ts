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

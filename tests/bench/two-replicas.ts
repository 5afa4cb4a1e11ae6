/** A writer and a reader of one small database, over a server process of their own. */
import { join } from "node:path";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { DelayProxy } from "./delay-proxy.ts";
import { startServer } from "./graft-child.ts";

/** Both replicas and what counts their traffic. */
export interface TwoReplicas extends AsyncDisposable {
  readonly writer: Database;
  readonly reader: Database;
  readonly writerProxy: DelayProxy;
  readonly readerProxy: DelayProxy;
}

export async function openTwoReplicas(
  directory: string,
  rttMs: number,
  sync: "auto" | "manual" = "manual",
  way: "proxied" | "direct" = "proxied",
): Promise<TwoReplicas> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startServer(`file:${join(directory, "store")}`));
  const writerProxy = stack.use(await DelayProxy.start(server.url, rttMs));
  const readerProxy = stack.use(await DelayProxy.start(server.url, rttMs));
  const writer = stack.use(
    await openDatabase({
      sync,
      url: way === "direct" ? server.url : writerProxy.url,
      path: join(directory, "a"),
      tag: "t",
    }),
  );
  await writer.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
  await writer.push();
  const volume = writer.volume.volumeId;
  const reader = stack.use(
    await openDatabase({
      sync,
      url: way === "direct" ? server.url : readerProxy.url,
      path: join(directory, "b"),
      volume,
    }),
  );
  await reader.prepare("SELECT count(*) FROM t").get();
  return {
    writer,
    reader,
    writerProxy,
    readerProxy,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

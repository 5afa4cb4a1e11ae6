/** Graft itself: each rung of prefetching by itself, and all of them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { openDatabase } from "@graft/sqlite/node";
import { startServer } from "../../graft-child.ts";
import { importEmpty, importFile } from "../import-into-ours.ts";
import type { Peer, ReplicaPlace, StartedPeer } from "../peer.ts";
import { Replica } from "../replica.ts";
import { OURS } from "../scorecard.ts";

type OpenOptions = NonNullable<Parameters<typeof openDatabase>[0]>;

/** What is switched on. This table grows with the client; the last row is all of it. */
const VARIANTS: readonly { readonly name: string; readonly options: OpenOptions }[] = [
  { name: "no prefetch", options: { prefetch: false } },
  { name: "bundle", options: { prefetch: { readAheadBytes: 0, shareQueries: false } } },
  { name: "read-ahead", options: { prefetch: { openBytes: 0, shareQueries: false } } },
  { name: "shared queries", options: { prefetch: { openBytes: 0, readAheadBytes: 0 } } },
  { name: "all", options: { prefetch: {} } },
];

export const ourPeers: readonly Peer[] = VARIANTS.map(({ name, options }, at) => ({
  name: `${OURS} ${name}`,
  packages: ["this repository"],
  isOnlyReader: at < VARIANTS.length - 1,
  way: "both services on one port over a local folder; HTTP/2, zstd",
  unfair: [
    "the server has the dataset in its caches after the first sample",
    "its process has opened another replica before, so that its JavaScript is compiled, as the " +
      "others' native code is",
  ],
  async start({ directory, file }) {
    const served = await serve(directory, options, (url) =>
      importFile(url, file, join(directory, "first")),
    );
    const startEmpty = async (): Promise<StartedPeer> => {
      const empty = join(directory, `empty-${process.hrtime.bigint()}`);
      mkdirSync(empty);
      return await serve(empty, options, (url) => importEmpty(url, empty));
    };
    return { ...served, startEmpty };
  },
}));

async function serve(
  directory: string,
  options: OpenOptions,
  fill: (url: string) => Promise<string>,
): Promise<StartedPeer> {
  const server = await startServer(`file:${join(directory, "store")}`);
  const volume = await fill(server.url);
  const start = (more: OpenOptions, { url, directory }: ReplicaPlace): Promise<Replica> =>
    Replica.startScript(new URL("./main.ts", import.meta.url), [
      url,
      join(directory, "data"),
      volume,
      JSON.stringify({ ...options, ...more }),
      server.url,
    ]);
  return {
    target: server.url,
    startReplica: (place) => start({ sync: "manual" }, place),
    startLive: (place) => start({ sync: "auto" }, place),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

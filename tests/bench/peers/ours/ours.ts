/** Graft itself: each rung of prefetching by itself, and all of them. */
import { join } from "node:path";
import type { openDatabase } from "@graft/sqlite/node";
import { type Imported, runGraft, startServer } from "../../graft-child.ts";
import type { Peer, StartedPeer } from "../peer.ts";
import { Replica } from "../replica.ts";
import { OURS } from "../scorecard.ts";

type OpenOptions = NonNullable<Parameters<typeof openDatabase>[0]>;

/** What is switched on. This table grows with the client. */
const VARIANTS: readonly { readonly name: string; readonly options: OpenOptions }[] = [
  { name: "no prefetch", options: {} },
];

export const ourPeers: readonly Peer[] = VARIANTS.map(({ name, options }) => ({
  name: `${OURS} ${name}`,
  packages: ["this repository"],
  way: "both services on one port over a local folder; HTTP/2, zstd",
  unfair: ["the server has the dataset in its caches after the first sample"],
  start: ({ directory, file }) =>
    startOurs(join(directory, name.replaceAll(" ", "-")), file, options),
}));

async function startOurs(
  directory: string,
  file: string,
  options: OpenOptions,
): Promise<StartedPeer> {
  const server = await startServer(`file:${join(directory, "store")}`);
  const path = join(directory, "first");
  const words = ["import", file, "--url", server.url, "--path", path, "--tag", "t"];
  const { volume } = await runGraft<Imported>(...words);
  return {
    target: server.url,
    startReplica: (place) =>
      Replica.startScript(new URL("./main.ts", import.meta.url), [
        place.url,
        join(place.directory, "data"),
        volume,
        JSON.stringify(options),
      ]),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The plainest replica: the whole file, and SQLite on it. */
import { basename, dirname } from "node:path";
import type { Peer } from "../peer.ts";
import { Replica } from "../replica.ts";
import { startStaticServer } from "../static/static-server.ts";

export const wholeFilePeer: Peer = {
  name: "whole file",
  packages: ["node:sqlite"],
  way: "one GET of the database file from a static host, then SQLite on the local copy",
  unfair: [
    "the link has no limit of bandwidth: on a real one its bytes would cost time",
    "it has no way to learn of later changes",
  ],
  async start({ file }) {
    const server = await startStaticServer(dirname(file));
    return {
      target: server.url,
      startReplica: ({ url, directory }) =>
        Replica.startScript(new URL("./main.ts", import.meta.url), [
          `${url}/${basename(file)}`,
          directory,
        ]),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

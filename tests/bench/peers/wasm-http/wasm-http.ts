import { basename, dirname } from "node:path";
import { fetchNpmPackages } from "../packages.ts";
import type { Peer } from "../peer.ts";
import { Replica } from "../replica.ts";
import { startStaticServer } from "../static/static-server.ts";

/** Its tests use this fork of web-worker; the original loads workers as classic scripts. */
const PACKAGES = ["sqlite-wasm-http@1.2.0", "@mmomtchev/web-worker@1.3.0"];

/** SQLite in WASM that reads a file on a static host, page by page. */
export const wasmHttpPeer: Peer = {
  name: "sqlite-wasm-http 1.2.0",
  packages: PACKAGES,
  way: "HTTP range requests on the database file on a static host",
  unfair: [
    "made for browsers: under Node most of its opening time is the start of fetch in a worker",
    "pages of 4 KiB as for all; with 1 KiB, which it recommends, it moves a third to half the bytes",
    "it cannot write, and does not notice that the file changes",
  ],
  async start({ file }) {
    const folder = await fetchNpmPackages(PACKAGES);
    const server = await startStaticServer(dirname(file));
    return {
      target: server.url,
      startReplica: ({ url }) =>
        Replica.startScript(new URL("./main.ts", import.meta.url), [
          folder,
          `${url}/${basename(file)}`,
        ]),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

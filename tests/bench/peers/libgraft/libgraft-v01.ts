import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClientId } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { startServer } from "../../graft-child.ts";
import { importEmpty, importFile } from "../import-into-ours.ts";
import { fetchPythonPackages } from "../packages.ts";
import type { Peer, ReplicaPlace, StartedPeer } from "../peer.ts";
import { Replica } from "../replica.ts";

const PACKAGES = ["sqlite-graft==0.1.5", "apsw==3.54.1.0"];
const PROGRAM = fileURLToPath(new URL("./replica.py", import.meta.url));

/** The first Graft's client, on our servers. */
export const libgraftV01Peer: Peer = {
  name: "sqlite-graft 0.1.5 on our servers",
  packages: PACKAGES,
  way: "its extension in Python on our MetaStore and PageStore; the wire of v0.1 over HTTP/1.1",
  unfair: [
    "its cold replicas ask for the snapshot at once, not when their timer of a second says",
    "it cannot push when it is told to: its own timer does, and takes a second",
  ],
  async start({ directory, file }) {
    const python = await fetchPythonPackages(PACKAGES);
    const script = "import sqlite_graft; print(sqlite_graft.loadable_path())";
    const { stdout } = await promisify(execFile)(python, ["-c", script]);
    const client = { python, extension: stdout.trim() };
    const served = await serve(client, directory, false, (url) =>
      importFile(url, file, join(directory, "first")),
    );
    const startEmpty = async (): Promise<StartedPeer> => {
      const empty = join(directory, `empty-${process.hrtime.bigint()}`);
      mkdirSync(empty);
      return await serve(client, empty, true, (url) => importEmpty(url, empty));
    };
    return { ...served, startEmpty };
  },
};

async function serve(
  { python, extension }: { readonly python: string; readonly extension: string },
  directory: string,
  pushesItself: boolean,
  fill: (url: string) => Promise<string>,
): Promise<StartedPeer> {
  const server = await startServer(`file:${join(directory, "store")}`);
  const name = await fill(server.url);
  const open = ["pragma graft_reset"];
  const means = { extension, name, open, push: [], pull: [], pushesItself };
  const start = ({ url, directory }: ReplicaPlace): Promise<Replica> => {
    const data = join(directory, "data");
    mkdirSync(data);
    return Replica.start({
      program: python,
      words: [PROGRAM, JSON.stringify(means)],
      environment: {
        GRAFT_METASTORE: url,
        GRAFT_PAGESTORE: url,
        GRAFT_CLIENT_ID: createClientId({ clock: systemClock, random: systemRandom }),
        GRAFT_DATA_DIR: data,
        GRAFT_AUTOSYNC: String(pushesItself),
      },
    });
  };
  return {
    target: server.url,
    startReplica: start,
    startLive: start,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

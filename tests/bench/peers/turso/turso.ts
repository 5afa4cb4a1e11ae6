import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchNpmPackages } from "../packages.ts";
import type { Peer, StartedPeer } from "../peer.ts";
import { CREATE_KV, Replica } from "../replica.ts";

const PLATFORM = `${process.platform}-${process.arch}${process.platform === "linux" ? "-gnu" : ""}`;
const PACKAGES = ["@tursodatabase/sync@0.7.2", `@tursodatabase/cli-${PLATFORM}@0.7.0`];
/** What its documentation uses for both. */
const SEGMENT_SIZE = 131_072;
const START_MS_MAX = 60_000;

/** Turso Sync as it fetches what is asked for, with what it thinks comes next and without. */
export const tursoPeers: readonly Peer[] = [false, true].map((prefetch) => ({
  name: `Turso Sync 0.7, prefetch ${prefetch ? "on" : "off"}`,
  packages: PACKAGES,
  isOnlyReader: prefetch,
  way: "partial sync from `tursodb --sync-server`; HTTP/1.1",
  unfair: [
    "its server is one for development: it closes the connection after every answer, and takes " +
      "50 to 70 ms for a page of a large database; its round trips and bytes are the client's",
    "the server serves only what it finds in its WAL: the dataset was vacuumed into one, without " +
      "`likes` (`WITHOUT ROWID` is an experiment there)",
  ],
  async start({ directory, file }) {
    const folder = await fetchNpmPackages(PACKAGES);
    const path = join(directory, "seed.db");
    moveIntoWal(file, { through: join(directory, "through.db"), to: path });
    const partial = {
      partialSyncExperimental: {
        bootstrapStrategy: { kind: "prefix", length: SEGMENT_SIZE },
        segmentSize: SEGMENT_SIZE,
        prefetch,
      },
    };
    const served = await serve(folder, directory, path, partial);
    return { ...served, startEmpty: () => startEmpty(folder, directory) };
  },
}));

async function startEmpty(folder: string, directory: string): Promise<StartedPeer> {
  const path = join(directory, `empty-${process.hrtime.bigint()}`);
  mkdirSync(path);
  const served = await serve(folder, path, join(path, "empty.db"), {});
  await using first = await served.startReplica({ url: served.target, directory: path });
  await first.ask({ do: "open" }, START_MS_MAX);
  await first.ask({ do: "execute", sql: CREATE_KV, values: [] }, START_MS_MAX);
  await first.ask({ do: "push" }, START_MS_MAX);
  return served;
}

async function serve(
  folder: string,
  cwd: string,
  path: string,
  options: object,
): Promise<StartedPeer> {
  const program = join(folder, "node_modules", "@tursodatabase", `cli-${PLATFORM}`, "tursodb");
  const port = await findFreePort();
  const words = [path, "--sync-server", `127.0.0.1:${port}`];
  const server = spawn(program, words, { cwd, stdio: "ignore" });
  const failed = once(server, "error").then(([error]) => Promise.reject(error));
  await Promise.race([waitForPort(port), failed]);
  return {
    target: `http://127.0.0.1:${port}`,
    startReplica: ({ url, directory }) =>
      Replica.startScript(new URL("./main.ts", import.meta.url), [
        folder,
        url,
        join(directory, "replica.db"),
        JSON.stringify(options),
      ]),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.kill("SIGKILL");
      await closed;
    },
  };
}

/** A database whose every page is in its WAL: the copy is made before anybody checkpoints it. */
function moveIntoWal(
  file: string,
  { through, to }: { readonly through: string; readonly to: string },
): void {
  copyFileSync(file, through);
  chmodSync(through, 0o644);
  const db = new DatabaseSync(through);
  try {
    db.exec("DROP TABLE likes; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; VACUUM");
    copyFileSync(through, to);
    copyFileSync(`${through}-wal`, `${to}-wal`);
  } finally {
    db.close();
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("it listens on TCP");
  return address.port;
}

async function waitForPort(port: number): Promise<void> {
  const end = performance.now() + START_MS_MAX;
  while (performance.now() < end) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await sleep(50);
  }
  throw new Error("the server does not listen");
}

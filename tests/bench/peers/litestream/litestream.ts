import { execFile } from "node:child_process";
import { chmodSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { buildProgram, findProgram, type GoProgram } from "../../../../scripts/go-program.ts";
import { fetchNpmPackages } from "../packages.ts";
import type { ObjectStorePlace, Peer, World } from "../peer.ts";
import { Replica } from "../replica.ts";

const PACKAGES = ["litestream-vfs@0.5.17"];
/** Makes the replica that the VFS reads. */
const LITESTREAM: GoProgram = {
  name: "litestream",
  folder: "graft-litestream",
  module: "github.com/benbjohnson/litestream/cmd/litestream@v0.5.17",
};

/** SQLite on a replica in object storage, read page by page. */
export const litestreamPeer: Peer = {
  name: "litestream-vfs 0.5.17",
  packages: [...PACKAGES, LITESTREAM.module],
  way: "a read replica of one snapshot on MinIO; S3 over HTTP/1.1, pages in LZ4",
  unfair: [
    "it talks to object storage directly: there is no server of its own to keep, or to help it",
    "its writing mode breaks its connection (`database disk image is malformed`) when the first new " +
      "page was synced, so that it is in no table of writes",
    "MinIO on loopback answers faster than any S3",
  ],
  async start(world) {
    const folder = await fetchNpmPackages(PACKAGES);
    const require = createRequire(join(folder, "package.json"));
    const { getLoadablePath } = require("litestream-vfs") as { getLoadablePath(): string };
    const store = await world.startObjectStore();
    await replicate(world, store);
    return {
      target: store.endpoint,
      startReplica: ({ url }) =>
        Replica.startScript(new URL("./main.ts", import.meta.url), [getLoadablePath()], {
          environment: {
            ...environmentOf(store),
            LITESTREAM_REPLICA_URL: addressOf(store, url),
          },
        }),
      async [Symbol.asyncDispose]() {},
    };
  },
};

async function replicate({ directory, file }: World, store: ObjectStorePlace): Promise<void> {
  const program = findProgram(LITESTREAM) ?? buildProgram(LITESTREAM);
  const copy = join(directory, "forum.db");
  copyFileSync(file, copy);
  chmodSync(copy, 0o644);
  const db = new DatabaseSync(copy);
  db.exec("PRAGMA journal_mode=WAL");
  db.close();
  const words = ["replicate", "-once", "-force-snapshot", copy, addressOf(store, store.endpoint)];
  const { AWS_CA_BUNDLE: _, ...environment } = process.env;
  await promisify(execFile)(program, words, {
    env: { ...environment, ...environmentOf(store) },
    timeout: 600_000,
  });
}

function addressOf({ bucket }: ObjectStorePlace, endpoint: string): string {
  return `s3://${bucket}/litestream?endpoint=${endpoint}&forcePathStyle=true`;
}

function environmentOf({ credentials, region }: ObjectStorePlace): Record<string, string> {
  const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = credentials;
  return {
    ...credentials,
    AWS_REGION: region,
    LITESTREAM_ACCESS_KEY_ID: AWS_ACCESS_KEY_ID,
    LITESTREAM_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY,
  };
}

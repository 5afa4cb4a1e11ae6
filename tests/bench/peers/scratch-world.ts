/**
 * What all peers share: the dataset, and an object store that is started for the first who asks.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startMinio } from "../../../scripts/minio.ts";
import type { DatasetOptions } from "../dataset.ts";
import type { ObjectStorePlace, World } from "./peer.ts";

export async function openWorld(
  directory: string,
  dataset: DatasetOptions,
  note: (text: string) => void,
): Promise<World & AsyncDisposable> {
  const data = join(directory, "data");
  mkdirSync(data);
  let starting: Promise<{ readonly place: ObjectStorePlace; stop(): Promise<void> }> | undefined;
  return {
    directory,
    file: join(data, "forum.db"),
    dataset,
    note,
    async startObjectStore() {
      starting ??= startStore();
      return (await starting).place;
    },
    async [Symbol.asyncDispose]() {
      await (await starting?.catch(() => undefined))?.stop();
    },
  };
}

async function startStore() {
  const server = await startMinio();
  if (server === undefined) {
    throw new Error("no MinIO here: `node scripts/minio.ts build` builds it, with Go");
  }
  const url = new URL(server.url);
  const place: ObjectStorePlace = {
    endpoint: url.searchParams.get("endpoint") ?? "",
    region: url.searchParams.get("region") ?? "us-east-1",
    bucket: url.host,
    credentials: server.credentials,
  };
  return { place, stop: () => server.stop() };
}

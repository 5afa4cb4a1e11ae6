import { type Clock, type FileSystem, GraftError, type Random } from "@graft/core";
import { FileObjectStore } from "./file-object-store.ts";
import { MemoryObjectStore } from "./memory-object-store.ts";
import { MeteredObjectStore } from "./metered-object-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { RequestMeter } from "./request-meter.ts";
import { RetryingObjectStore } from "./retrying-object-store.ts";
import { type Environment, parseS3Location } from "./s3-location.ts";

/** What opening a store may use. */
export interface OpenObjectStoreOptions {
  /** Environment variables: AWS_* for `s3:`. */
  readonly env: Environment;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

/** A store that counts its requests and retries what is safe, and its counter. */
export interface OpenedObjectStore {
  readonly store: ObjectStore;
  readonly meter: RequestMeter;
}

/**
 * Opens the store a URL names; nothing is sent yet (see `probeObjectStore`).
 *
 * - `memory:` – in this process, gone with it
 * - `file:./dir`, `file:/absolute/dir`, `file:///absolute/dir` – a folder, made when missing
 * - `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=…` – S3 and what speaks it
 *
 * @throws GraftError `invalid-argument` saying what was expected
 */
export async function openObjectStore(
  url: string,
  options: OpenObjectStoreOptions,
): Promise<OpenedObjectStore> {
  const meter = new RequestMeter();
  const store = await openCounted(url, options, meter);
  return { store: new RetryingObjectStore(store, options), meter };
}

async function openCounted(
  url: string,
  options: OpenObjectStoreOptions,
  meter: RequestMeter,
): Promise<ObjectStore> {
  const { clock, random, fileSystem } = options;
  if (url === "memory:") return new MeteredObjectStore(new MemoryObjectStore(), clock, meter);
  if (url.startsWith("file:")) {
    const store = new FileObjectStore({ root: parseFileUrl(url), fileSystem });
    return new MeteredObjectStore(store, clock, meter);
  }
  if (url.startsWith("s3:")) {
    const location = parseS3Location(url, options.env);
    // Loaded where it is used: the S3 client takes 0.15 s to load.
    const { S3ObjectStore } = await import("./s3-object-store.ts");
    return new S3ObjectStore({ location, clock, random, meter });
  }
  throw new GraftError(
    "invalid-argument",
    `unknown object store "${url}": expected memory:, file:./dir or s3://bucket/prefix?endpoint=…`,
  );
}

function parseFileUrl(url: string): string {
  const path = url.slice("file:".length);
  if (path.startsWith("//") && !path.startsWith("///")) {
    const example = "file:./dir, file:/dir or file:///dir";
    throw new GraftError("invalid-argument", `object store "${url}" names a host: use ${example}`);
  }
  const root = decodePath(url, path.replace(/^\/+/, "/")).replace(/(?<=.)\/+$/, "");
  if (root === "" || root === "/") {
    throw new GraftError("invalid-argument", `object store "${url}" names no folder of its own`);
  }
  return root;
}

function decodePath(url: string, path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new GraftError("invalid-argument", `object store "${url}" is no URL`, { cause });
  }
}

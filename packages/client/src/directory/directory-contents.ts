/**
 * `directory.json`: what a data directory says about itself. It is replaced whole, so that whoever
 * reads it, with the directory's lock or without, reads one moment.
 *
 * | field | since | meaning |
 * |---|---|---|
 * | `format`, `version` | 1 | `graft-data-directory`, 2. Version 1 was for one process at a time |
 * | `clientId` | 1 | who commits from here |
 * | `volumes`, `tags` | 1 | `{ <volume id>: "created" or "cloned" }`, `{ <tag>: <volume id> }` |
 * | `generation` | 2 | grows with each opening by a process that is alone |
 * | `identity` | 2 | the directory's device and inode at that opening |
 * | `succeeds` | 2 | the client id before this one, and why there is a new one |
 * | `unresolved` | 2 | `{ <volume id>: <client id> }`: volumes that may still hold a prepared push of an earlier client id |
 */
import {
  type ClientId,
  type FileSystem,
  GraftError,
  parseClientId,
  parseVolumeId,
  type VolumeId,
} from "@graft/core";

const FORMAT = "graft-data-directory";
const VERSION = 2;
/** A data directory has a line for each volume and tag: a damaged file must not fill the memory. */
const SIZE_MAX = 64 * 1024 * 1024;

/**
 * Where a volume in the directory came from: a created one needs no server until its first push.
 */
export type VolumeOrigin = "created" | "cloned";

/** Why a directory is no longer who it was. */
export interface Succession {
  readonly reason: "copied" | "restored";
  readonly clientId: ClientId;
  /** When it was noticed, ms since 1970. */
  readonly sinceMs: number;
}

export interface DirectoryContents {
  readonly clientId: ClientId;
  readonly volumes: ReadonlyMap<VolumeId, VolumeOrigin>;
  readonly tags: ReadonlyMap<string, VolumeId>;
  readonly generation: number;
  /** Undefined: written by version 1. */
  readonly identity: string | undefined;
  readonly succeeds: Succession | undefined;
  readonly unresolved: ReadonlyMap<VolumeId, ClientId>;
}

/** The path of `directory.json`. */
export function contentsPath(path: string): string {
  return `${path}/directory.json`;
}

/**
 * Reads it; undefined when there is none.
 *
 * @throws GraftError `invalid-argument`: a newer format · `corrupt` · `io`
 */
export function readContents(path: string, fileSystem: FileSystem): DirectoryContents | undefined {
  const name = contentsPath(path);
  if (fileSystem.stat(name) === undefined) return undefined;
  const file = fileSystem.open(name, "read");
  try {
    const size = file.size();
    if (size > SIZE_MAX) throw corrupt(path, `${size} bytes, expected at most ${SIZE_MAX}`);
    const bytes = new Uint8Array(size);
    return parseContents(path, bytes.subarray(0, file.read(bytes, 0)));
  } finally {
    file.close();
  }
}

/** Replaces it, durably. @throws GraftError `io` */
export async function writeContents(
  path: string,
  fileSystem: FileSystem,
  contents: DirectoryContents,
): Promise<void> {
  const { clientId, generation, identity, volumes, tags, succeeds, unresolved } = contents;
  const text = JSON.stringify(
    {
      format: FORMAT,
      version: VERSION,
      clientId,
      generation,
      identity,
      volumes: Object.fromEntries(volumes),
      tags: Object.fromEntries(tags),
      ...(succeeds !== undefined && {
        succeeds: { ...succeeds, sinceMs: undefined, since: toTime(succeeds.sinceMs) },
      }),
      ...(unresolved.size > 0 && { unresolved: Object.fromEntries(unresolved) }),
    },
    undefined,
    2,
  );
  const bytes = new TextEncoder().encode(`${text}\n`);
  await fileSystem.writeWhole(contentsPath(path), [bytes], "replace");
}

/** @throws GraftError `invalid-argument`: a newer format · `corrupt` */
export function parseContents(path: string, bytes: Uint8Array): DirectoryContents {
  const value = parseJson(path, bytes);
  const { version } = value;
  if (value.format !== FORMAT || typeof version !== "number") {
    throw corrupt(path, `expected format "${FORMAT}" and a version`);
  }
  if (version > VERSION) {
    throw new GraftError(
      "invalid-argument",
      `data directory "${path}" has format version ${version}, this program knows up to ${VERSION}: ` +
        "use a newer program; nothing was changed",
    );
  }
  try {
    return {
      clientId: parseClientId(String(value.clientId)),
      volumes: new Map(
        entriesOf(value.volumes).map(([id, origin]) => [parseVolumeId(id), parseOrigin(origin)]),
      ),
      tags: new Map(entriesOf(value.tags).map(([tag, id]) => [tag, parseVolumeId(String(id))])),
      generation: version === 1 ? 0 : parseGeneration(value.generation),
      identity: value.identity === undefined ? undefined : String(value.identity),
      succeeds: value.succeeds === undefined ? undefined : parseSuccession(value.succeeds),
      unresolved: new Map(
        entriesOf(value.unresolved ?? {}).map(([volume, client]) => [
          parseVolumeId(volume),
          parseClientId(String(client)),
        ]),
      ),
    };
  } catch (cause) {
    throw corrupt(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function parseJson(path: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return Object.fromEntries(entriesOf(value));
  } catch (cause) {
    throw corrupt(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("expected an object");
  }
  return Object.entries(value);
}

function parseOrigin(value: unknown): VolumeOrigin {
  if (value === "created" || value === "cloned") return value;
  throw new TypeError(`expected "created" or "cloned", got ${JSON.stringify(value)}`);
}

function parseGeneration(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`expected a generation ≥ 0, got ${JSON.stringify(value)}`);
}

function parseSuccession(value: unknown): Succession {
  const fields = Object.fromEntries(entriesOf(value));
  const { reason } = fields;
  if (reason !== "copied" && reason !== "restored") {
    throw new TypeError(`expected "copied" or "restored", got ${JSON.stringify(reason)}`);
  }
  const sinceMs = Date.parse(String(fields.since));
  if (Number.isNaN(sinceMs)) throw new TypeError(`expected a time, got "${fields.since}"`);
  return { reason, clientId: parseClientId(String(fields.clientId)), sinceMs };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

function corrupt(path: string, why: string): GraftError {
  return new GraftError("corrupt", `"${contentsPath(path)}" is damaged: ${why}`);
}

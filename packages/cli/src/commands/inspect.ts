import { GraftError, isGraftError } from "@graft/core";
import { openObjectStore } from "@graft/object-store";
import { numberValue } from "../arguments.ts";
import type { Command, Invocation } from "../command.ts";
import { JSON_FLAG } from "../flags.ts";
import { fileSource, objectSource } from "../inspect/byte-source.ts";
import { type Inspection, plainFacts } from "../inspect/facts.ts";
import { DUMP_SIZE_MAX, hexDump } from "../inspect/hex-dump.ts";
import { type InspectRequest, inspectSource } from "../inspect/inspect-source.ts";
import {
  describeDataDirectory,
  describeStore,
  describeStoredPage,
  isStoreDirectory,
} from "../inspect/local/describe-directory.ts";
import { renderFacts } from "../inspect/render-facts.ts";

const PAGE_MAX = 0xffff_fffe;
const FRAME_MAX = 65_535;

/** `graft inspect FILE…`, `graft inspect --store URL KEY…`: what any of our bytes say. */
export const inspect: Command = {
  name: "inspect",
  summary: "what a file or an object says: records, segments, checkpoints, local stores, pages",
  positionals: "FILE|KEY…",
  positionalCount: { min: 1, max: 1000 },
  flags: [
    { name: "store", value: "URL", help: "look at objects of this store, named by their keys" },
    { name: "page", value: "N", help: "only this page, decoded" },
    { name: "frame", value: "N", help: "only this frame of a segment or a commit, from 0" },
    { name: "hex", help: "the bytes as well" },
    JSON_FLAG,
  ],
  async run(invocation) {
    const { positionals } = invocation;
    const request = requestOf(invocation);
    const failed: GraftError[] = [];
    await using opened = await openThings(invocation);
    for (const [at, name] of positionals.entries()) {
      try {
        tell(invocation, name, await opened.inspect(name, request), at > 0);
      } catch (error) {
        if (!isGraftError(error)) throw error;
        failed.push(error);
        if (positionals.length > 1) invocation.output.note(`graft: ${error.message}`);
      }
    }
    const [first] = failed;
    if (first === undefined) return;
    if (positionals.length === 1) throw first;
    throw new GraftError(first.code, `${failed.length} of ${positionals.length} could not be read`);
  },
};

interface Things extends AsyncDisposable {
  inspect(name: string, request: InspectRequest): Promise<Inspection>;
}

function requestOf(invocation: Invocation): InspectRequest {
  const { surroundings, values } = invocation;
  const number = (name: string, min: number, max: number): number | undefined =>
    values.has(name) ? numberValue(invocation, name, { fallback: min, min, max }) : undefined;
  return {
    compute: surroundings.compute,
    page: number("page", 1, PAGE_MAX),
    frame: number("frame", 0, FRAME_MAX),
  };
}

async function openThings({ surroundings, values, signal }: Invocation): Promise<Things> {
  const { fileSystem, environment: env } = surroundings;
  const storeUrl = values.get("store");
  if (storeUrl === undefined) {
    return {
      inspect: (path, request) => inspectPath(path, request, surroundings),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const { store } = await openObjectStore(storeUrl, { ...surroundings, env, fileSystem });
  return {
    inspect: async (key, request) => inspectSource(await objectSource(key, store, signal), request),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

async function inspectPath(
  path: string,
  request: InspectRequest,
  { fileSystem }: Invocation["surroundings"],
): Promise<Inspection> {
  const folder = storeFolderOf(path);
  if (isStoreDirectory(folder, fileSystem)) {
    return request.page === undefined
      ? describeStore(folder, fileSystem)
      : describeStoredPage(folder, request.page, fileSystem);
  }
  if (path.endsWith("/directory.json")) {
    return describeDataDirectory(path.slice(0, -"/directory.json".length), fileSystem);
  }
  if (fileSystem.stat(path)?.kind === "directory") return describeDataDirectory(path, fileSystem);
  return inspectSource(fileSource(path, fileSystem), request, fileSystem);
}

/** Slots say nothing without the index beside them: `pages` stands for its folder. */
function storeFolderOf(path: string): string {
  return path.endsWith("/pages") ? path.slice(0, -"/pages".length) : path;
}

function tell(
  { output, switches }: Invocation,
  name: string,
  { kind, facts, bytes }: Inspection,
  isNext: boolean,
): void {
  const dump = switches.has("hex") ? bytes : undefined;
  const json = { name, kind, ...(plainFacts(facts) as object) };
  const text = `${isNext ? "\n" : ""}${name}: ${kind}\n${renderFacts(facts)}`;
  output.row(
    dump === undefined
      ? json
      : { ...json, hex: Buffer.from(dump.subarray(0, DUMP_SIZE_MAX)).toString("hex") },
    dump === undefined ? text : `${text}\n\n${hexDump(dump)}`,
  );
}

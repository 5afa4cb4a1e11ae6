import { createInterface } from "node:readline";
import { GraftError } from "@graft/core";
import { GraftProcess } from "./graft-process.ts";

/** A MetaStore or a PageStore in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** Requests it has sent to the object store since it was started. */
  objectStoreRequests(): Promise<number>;
  kill(): Promise<void>;
}

export interface ServerRequest {
  readonly role: "metastore" | "pagestore";
  readonly store: string;
  readonly cache: string;
  /** What else the role is told. */
  readonly words?: readonly string[];
}

/**
 * Starts a server on a free port and waits until it listens. @throws GraftError what it said
 * instead
 */
export async function startServerProcess(request: ServerRequest): Promise<ServerProcess> {
  const { role, store, cache, words = [] } = request;
  const child = new GraftProcess(role, [
    role,
    ...["--port", "0", "--store", store, "--cache", cache, "--log-level", "warn", "--json"],
    ...words,
  ]);
  const url = await readUrl(child);
  return {
    url,
    objectStoreRequests: () => readRequestCount(url),
    kill: () => child.kill(),
  };
}

async function readUrl(server: GraftProcess): Promise<string> {
  const { stdout } = server.child;
  if (stdout === null) throw new GraftError("internal", "a server's stdout is a pipe");
  for await (const line of createInterface({ input: stdout })) {
    const { url } = JSON.parse(line) as { readonly url: string };
    return url;
  }
  await server.ended;
  throw server.failure("no server");
}

/** The sum of `graft_object_store_requests_total` over its operations. */
async function readRequestCount(url: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`);
  const text = await answer.text();
  let sum = 0;
  for (const [, value] of text.matchAll(/^graft_object_store_requests_total\{[^}]*\} (\d+)$/gm)) {
    sum += Number(value);
  }
  return sum;
}

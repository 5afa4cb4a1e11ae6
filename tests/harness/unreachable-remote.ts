import type { Remote } from "@graft/client";
import { GraftError } from "@graft/core";

async function refuse(): Promise<never> {
  throw new GraftError("unavailable", "connection refused");
}

const refusing = { [Symbol.asyncIterator]: () => ({ next: refuse }) };

/** A remote that is down. */
export const UNREACHABLE: Remote = {
  name: "unreachable",
  getSnapshot: refuse,
  pullChanges: refuse,
  pullCommits: refuse,
  createVolume: refuse,
  commit: refuse,
  readPages: refuse,
  streamPages: () => refusing,
  watch: () => refusing,
  writePages: refuse,
  close: async () => undefined,
};

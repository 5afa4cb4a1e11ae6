import type { Remote } from "@graft/client";
import { GraftError } from "@graft/core";

async function refuse(): Promise<never> {
  throw new GraftError("unavailable", "connection refused");
}

/** A remote that is down. */
export const UNREACHABLE: Remote = {
  name: "unreachable",
  getSnapshot: refuse,
  pullChanges: refuse,
  pullCommits: refuse,
  createVolume: refuse,
  commit: refuse,
  readPages: refuse,
  streamPages: () => ({
    [Symbol.asyncIterator]: () => ({ next: refuse }),
  }),
  writePages: refuse,
  close: async () => undefined,
};

import type { Remote } from "@graft/client";
import { GraftError } from "@graft/core";

/** The remote of a database that was opened without a server: nothing can be asked of it. */
export function createOfflineRemote(): Remote {
  const refuse = async (): Promise<never> => {
    throw new GraftError(
      "unavailable",
      "this database was opened without a url: there is no server",
    );
  };
  const refusing = { [Symbol.asyncIterator]: () => ({ next: refuse }) };
  return {
    name: "no server",
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
}

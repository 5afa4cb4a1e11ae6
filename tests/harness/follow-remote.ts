import type { Remote } from "@graft/client";

/** A remote that is, at each call, whichever one `current` answers: for servers that restart. */
export function followRemote(
  current: () => Remote,
  { close = async () => undefined }: Partial<Pick<Remote, "close">> = {},
): Remote {
  // One by one, not a proxy: wrappers spread it.
  return {
    name: "cluster",
    getSnapshot: (...args) => current().getSnapshot(...args),
    pullChanges: (...args) => current().pullChanges(...args),
    pullCommits: (...args) => current().pullCommits(...args),
    createVolume: (...args) => current().createVolume(...args),
    commit: (...args) => current().commit(...args),
    readPages: (...args) => current().readPages(...args),
    streamPages: (...args) => current().streamPages(...args),
    watch: (...args) => current().watch(...args),
    writePages: (...args) => current().writePages(...args),
    close,
  };
}

import { type Clock, GraftError, isGraftError } from "@graft/core";
import type { Remote } from "./remote.ts";

/**
 * A remote whose `unavailable` errors say what is unreachable and since when. The outage begins with the
 * first such error after a success and ends with the next success.
 */
export function createWatchedRemote(inner: Remote, clock: Clock): Remote {
  let sinceMs: number | undefined;

  function explain(error: unknown): unknown {
    if (!isGraftError(error, "unavailable")) return error;
    sinceMs ??= clock.nowMs();
    const since = formatTime(sinceMs);
    return new GraftError(
      "unavailable",
      `${inner.name} is unreachable since ${since}: ${error.message}`,
      {
        cause: error,
        details: { ...error.details, url: inner.name, sinceMs },
      },
    );
  }

  async function watch<T>(call: Promise<T>): Promise<T> {
    try {
      const answer = await call;
      sinceMs = undefined;
      return answer;
    } catch (error) {
      throw explain(error);
    }
  }

  return {
    name: inner.name,
    getSnapshot: (...args) => watch(inner.getSnapshot(...args)),
    pullChanges: (...args) => watch(inner.pullChanges(...args)),
    pullCommits: (...args) => watch(inner.pullCommits(...args)),
    createVolume: (...args) => watch(inner.createVolume(...args)),
    commit: (...args) => watch(inner.commit(...args)),
    readPages: (...args) => watch(inner.readPages(...args)),
    async *streamPages(...args) {
      try {
        for await (const part of inner.streamPages(...args)) {
          sinceMs = undefined;
          yield part;
        }
      } catch (error) {
        throw explain(error);
      }
    },
    writePages: (...args) => watch(inner.writePages(...args)),
    close: () => inner.close(),
  };
}

/** UTC, to the second: "2026-11-22 17:03:04Z". */
function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

import { type Clock, GraftError, isGraftError } from "@graft/core";
import type { Remote } from "./remote.ts";

/**
 * The same remote, whose `unavailable` errors say what cannot be reached and since when. The first
 * answer of any kind ends an outage.
 */
export function nameOutages(remote: Remote, clock: Clock): Remote {
  let sinceMs: number | undefined;

  const failed = (error: unknown): unknown => {
    if (!isGraftError(error, "unavailable")) {
      // A refusal is an answer; an abort says nothing.
      if (isGraftError(error)) sinceMs = undefined;
      return error;
    }
    sinceMs ??= clock.nowMs();
    return describeOutage(remote.name, sinceMs, error);
  };
  const told = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const answer = await call;
      sinceMs = undefined;
      return answer;
    } catch (error) {
      throw failed(error);
    }
  };
  async function* toldAlong<T>(parts: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const part of parts) {
        sinceMs = undefined;
        yield part;
      }
    } catch (error) {
      throw failed(error);
    }
  }

  return {
    name: remote.name,
    getSnapshot: (...request) => told(remote.getSnapshot(...request)),
    pullChanges: (...request) => told(remote.pullChanges(...request)),
    pullCommits: (...request) => told(remote.pullCommits(...request)),
    createVolume: (...request) => told(remote.createVolume(...request)),
    commit: (...request) => told(remote.commit(...request)),
    readPages: (...request) => told(remote.readPages(...request)),
    writePages: (...request) => told(remote.writePages(...request)),
    ...(remote.readBundle !== undefined && {
      readBundle: remote.readBundle.bind(remote),
    }),
    streamPages: (...request) => toldAlong(remote.streamPages(...request)),
    watch: (...request) => toldAlong(remote.watch(...request)),
    ...(remote.reconnect !== undefined && { reconnect: () => remote.reconnect?.() }),
    close: () => remote.close(),
  };
}

function describeOutage(name: string, sinceMs: number, error: GraftError): GraftError {
  const since = new Date(sinceMs).toISOString();
  return new GraftError(
    "unavailable",
    `${name} is unreachable since ${since}: ${error.message}; what is here stays readable, and local ` +
      "commits go on",
    { details: { ...error.details, server: name, since }, cause: error },
  );
}

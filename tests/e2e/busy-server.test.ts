/** Clients of a server that sends them away for a while. */
import { GraftError } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { nothingWritten } from "@graft/rpc";
import { expect, test } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages } from "../harness/pages.ts";

const RETRY_AFTER_MS = 20_000;

test.each(["Commit", "WritePages"])(
  "a push whose %s is sent away comes again when it was asked to, and no sooner",
  async (name) => {
    const clock = new SimulatedClock({ mode: "auto" });
    await using cluster = await Cluster.start({ clock, random: new SeededRandom(1) });
    const askedMs: number[] = [];
    const client = await cluster.openClient({
      interceptors: [
        (next) => (request) => {
          if (request.method.name !== name) return next(request);
          askedMs.push(clock.monotonicMs());
          if (askedMs.length > 2) return next(request);
          const details = { ...nothingWritten, retryAfterMs: RETRY_AFTER_MS };
          throw new GraftError("unavailable", "the server is busy", { details });
        },
      ],
    });
    const volume = await client.createVolume();
    // Too large to travel in the commit.
    const tags = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [at + 1, at + 1]));
    commitPages(volume, tags, 64);
    expect(await volume.push()).toMatchObject({ kind: "pushed", lsn: 1n });
    const [first = 0, second = 0, third = 0] = askedMs;
    expect(second - first).toBeGreaterThanOrEqual(RETRY_AFTER_MS);
    expect(third - second).toBeGreaterThanOrEqual(RETRY_AFTER_MS);
    expect(third - first).toBeLessThan(3 * RETRY_AFTER_MS);
  },
);

import { type Claims, createLocalKey, createToken, fixedKeyRing, TokenGuard } from "@graft/auth";
import { type Clock, createVolumeId, GraftError, toLsn } from "@graft/core";
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import type { WatchEvent, WatchRequest } from "@graft/rpc";
import { expect, test } from "vitest";
import { guardMetastore } from "./guarded-metastore.ts";
import type { Metastore } from "./metastore.ts";
import { WatchStream } from "./watch-stream.ts";

function setUp(claims: Claims = {}) {
  const clock = new SimulatedClock();
  const random = new SeededRandom(5);
  const key = createLocalKey(random);
  const guard = new TokenGuard({ keyRing: fixedKeyRing([key]), clock });
  return { clock, guard, token: createToken(claims, key, { clock, random }), random };
}

const REQUEST = { volumes: [], heartbeatMs: 15_000, omitPages: false };

test("a stream that the hub refuses leaves nothing behind, and ends nobody's process", async () => {
  const { clock, guard, token } = setUp();
  const refusal = new GraftError("resource-exhausted", "this server watches as much as it can");
  const metastore = { streamNews: () => Promise.reject(refusal) } as unknown as Metastore;
  const operations = await guardMetastore(metastore, guard, clock)(token);
  const sink = { send: () => true, onDrain: () => undefined };
  const told = operations.streamNews(REQUEST, sink, new AbortController().signal);
  await expect(told).rejects.toBe(refusal);
  await settle();
  expect(clock.sleeperCount).toBe(0);
});

test("a reader that leaves in the middle of an event is not looked after any more", async () => {
  const { clock, guard, token } = setUp();
  const endless = async function* (): AsyncGenerator<WatchEvent> {
    for (;;) yield { kind: "heartbeat", draining: false };
  };
  const metastore = { watch: endless } as unknown as Metastore;
  const operations = await guardMetastore(metastore, guard, clock)(token);
  const gone = new AbortController();
  await operations.watch(REQUEST, gone.signal)[Symbol.asyncIterator]().next();
  expect(clock.sleeperCount).toBe(1);
  gone.abort();
  await settle();
  expect(clock.sleeperCount).toBe(0);
});

test("a stream whose token has ended is told the end of its volumes, and nothing else", () => {
  const { clock, random } = setUp();
  const volumeId = createVolumeId({ clock, random });
  const stream = new WatchStream({ ...REQUEST, volumes: [{ volumeId }] }, clock);
  stream.revoke(new GraftError("unauthenticated", "the token is over"));
  // Its heads are still being looked for.
  stream.mark(volumeId, 0);
  stream.end({ kind: "end", volumeId, code: "not-found", message: "no such volume" });
  expect(stream.takeMarked()).toBeUndefined();
  expect(stream.takeEnd()).toMatchObject({ code: "unauthenticated" });
  expect(stream.takeEnd()).toBeUndefined();
});

test("ten thousand forbidden volumes are judged in turns, and each is told its end", async () => {
  const { clock, guard, token, random } = setUp({
    scopes: [{ volumes: [{ kind: "all" }], access: ["read"], maxLsn: toLsn(1n) }],
  });
  const volumes = Array.from({ length: 10_000 }, (_, at) => {
    const volumeId = createVolumeId({ clock, random });
    return { volumeId, lsn: toLsn(at === 0 ? 1n : 2n) };
  });
  let [nowMs, turnCount] = [0, 0];
  // Each look at the time finds it one millisecond later.
  const busy: Clock = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => ++nowMs,
    sleep: async () => void turnCount++,
  };
  const asked: WatchRequest[] = [];
  const streamNews: Metastore["streamNews"] = async (request, _sink, _signal, terms) => {
    asked.push(request);
    expect(terms?.ends).toHaveLength(9_999);
  };
  const operations = await guardMetastore({ streamNews } as Metastore, guard, busy)(token);
  const sink = { send: () => true, onDrain: () => undefined };
  await operations.streamNews({ ...REQUEST, volumes }, sink, new AbortController().signal);
  expect(asked.map((request) => request.volumes)).toEqual([volumes.slice(0, 1)]);
  expect(turnCount).toBeGreaterThan(20);
});

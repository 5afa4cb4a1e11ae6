import {
  createClientId,
  type GraftError,
  type Lsn,
  type Page,
  toLsn,
  toPageIndex,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { logKey } from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import {
  type FaultRule,
  FaultyObjectStore,
  type ObjectStoreFault,
} from "@graft/object-store/testing";
import { type CommitRequest, saysNothingWritten, type WatchEvent } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const FIRST = toLsn(1n);
const LOG = "volumes/";
interface Weather extends TestMetastore {
  readonly faulty: FaultyObjectStore;
}

function setUp(seed = 1): Weather {
  const clock = new SimulatedClock({ mode: "auto" });
  const random = new SeededRandom(seed);
  const faulty = new FaultyObjectStore(new MemoryObjectStore(), [], random.fork(), clock);
  return { ...createTestMetastore({ store: faulty, clock, random }), faulty };
}
function page(index: number, byte: number): Page {
  return { index: toPageIndex(index), data: new Uint8Array(4096).fill(byte) };
}
async function failureOf(call: Promise<unknown>): Promise<GraftError> {
  return await call.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => error as GraftError,
  );
}
/** LSN 1 is there; the answer is a commit on it. */
async function nextCommit(on: Weather): Promise<CommitRequest> {
  await on.metastore.commit(await inlineCommitOf(on, undefined, [page(1, 1)]));
  return await inlineCommitOf(on, FIRST, [page(1, 2)]);
}
async function latest(on: TestMetastore): Promise<Lsn> {
  return (await on.metastore.getSnapshot(on.volumeId, undefined)).snapshot.lsn;
}
function onCreate(fault: ObjectStoreFault, times = 1): FaultRule {
  return { fault, times, operations: ["create"], prefix: LOG };
}

describe("a commit lands once", () => {
  test.each<[string, ObjectStoreFault]>([
    ["was done and the reply was lost", { kind: "reply-lost" }],
    ["was not done", { kind: "unavailable" }],
    ["was throttled", { kind: "throttled", retryAfterMs: 100 }],
    ["took longer than anybody waits", { kind: "latency", minMs: 60_000, maxMs: 60_000 }],
    ["landed after it was sent again", { kind: "lands-late", delayMs: 3000 }],
  ])("when its PUT %s", async (_how, fault) => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate(fault));
    const answer = await on.metastore.commit(request);
    expect(on.faulty.strikeCount).toBe(1);
    expect(answer).toMatchObject({ snapshot: { lsn: 2n, commitId: request.commitId } });
    await on.faulty.settled();
    expect(await latest(on)).toBe(2n);
    expect(await on.metastore.commit(request)).toEqual({ ...answer, replayed: true });
  });

  test("when its PUT and its read-back fail for a while", async () => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate({ kind: "reply-lost" }), {
      fault: { kind: "unavailable" },
      operations: ["get"],
      times: 4,
    });
    expect((await on.metastore.commit(request)).snapshot.lsn).toBe(2n);
    expect(on.faulty.strikeCount).toBe(5);
  });
});

describe("an outcome that stays unknown", () => {
  test("is unavailable, never rejected, and says nothing about what was written", async () => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate({ kind: "unavailable" }, 1000));
    const startMs = on.clock.monotonicMs();
    const error = await failureOf(on.metastore.commit(request));
    expect(on.clock.monotonicMs() - startMs).toBeGreaterThan(25_000);
    expect(on.clock.monotonicMs() - startMs).toBeLessThan(55_000);
    expect(error.code).toBe("unavailable");
    expect(error.message).toContain("the outcome is unknown, repeat the request");
    expect(saysNothingWritten(error)).toBe(false);
  });

  test.each<[string, ObjectStoreFault]>([
    ["it had landed", { kind: "reply-lost" }],
    ["it had not", { kind: "unavailable" }],
  ])("is settled by the same request: %s", async (_which, fault) => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate(fault, 1000), {
      fault: { kind: "unavailable" },
      operations: ["get"],
    });
    expect((await failureOf(on.metastore.commit(request))).code).toBe("unavailable");
    on.faulty.setRules();
    const answer = await on.metastore.commit(request);
    expect(answer.snapshot).toMatchObject({ lsn: 2n, commitId: request.commitId });
    expect(await latest(on)).toBe(2n);
  });

  test("that lands a minute later is seen by who asks for the latest", async () => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate({ kind: "lands-late", delayMs: 90_000 }, 1000));
    expect((await failureOf(on.metastore.commit(request))).code).toBe("unavailable");
    on.faulty.setRules();
    expect(await latest(on)).toBe(1n);
    await on.faulty.settled();
    expect(await latest(on)).toBe(2n);
    expect(await on.metastore.commit(request)).toMatchObject({ snapshot: { lsn: 2n } });
  });

  test("that lands a minute later is told to who watches, though nobody asks", async () => {
    const on = setUp();
    const request = await nextCommit(on);
    const leave = new AbortController();
    const volumes = [{ volumeId: on.volumeId, lsn: FIRST }];
    const watched = { volumes, heartbeatMs: 60_000, omitPages: false };
    const told: WatchEvent[] = [];
    const reading = (async () => {
      for await (const event of on.metastore.watch(watched, leave.signal)) {
        if (event.kind === "news") return told.push(event);
      }
      return 0;
    })();
    on.faulty.setRules(onCreate({ kind: "lands-late", delayMs: 60_000 }, 1000));
    expect((await failureOf(on.metastore.commit(request))).code).toBe("unavailable");
    on.faulty.setRules();
    await reading;
    expect(told).toMatchObject([{ fromLsn: 1n, snapshot: { lsn: 2n } }]);
    leave.abort();
  });

  test("does not let a stale writer overtake: who lost is rejected", async () => {
    const on = setUp();
    const request = await nextCommit(on);
    on.faulty.setRules(onCreate({ kind: "reply-lost" }, 1000), {
      fault: { kind: "unavailable" },
      operations: ["get"],
    });
    expect((await failureOf(on.metastore.commit(request))).code).toBe("unavailable");
    on.faulty.setRules();
    const other = { ...on, clientId: createClientId(on) };
    const stale = await failureOf(
      on.metastore.commit(await inlineCommitOf(other, FIRST, [page(1, 3)])),
    );
    expect(stale.code).toBe("rejected");
    expect((await on.metastore.commit(request)).snapshot.lsn).toBe(2n);
  });
});

test("a store that cannot be read before the PUT is a refusal: nothing was written", async () => {
  const on = setUp();
  const request = await nextCommit(on);
  const cold = createTestMetastore({ store: on.faulty, clock: on.clock });
  on.faulty.setRules({ fault: { kind: "unavailable" }, operations: ["get"] });
  const error = await failureOf(cold.metastore.commit(request));
  expect(error.code).toBe("unavailable");
  expect(saysNothingWritten(error)).toBe(true);
  expect(on.faulty.strikeCount).toBe(1);
});

test("a record that comes back damaged is corrupt, named, and not taken for an answer", async () => {
  const on = setUp();
  await nextCommit(on);
  const cold = createTestMetastore({ store: on.faulty, clock: on.clock });
  on.faulty.setRules({ fault: { kind: "corrupted" }, operations: ["get"] });
  const error = await failureOf(cold.metastore.getSnapshot(on.volumeId, FIRST));
  expect(error.code).toBe("corrupt");
  expect(error.message).toContain(logKey(on.volumeId, FIRST));
  on.faulty.setRules();
  expect((await cold.metastore.getSnapshot(on.volumeId, FIRST)).snapshot.lsn).toBe(1n);
});

test("a record that is gone is corrupt, named, and the volume's others are served", async () => {
  const on = setUp();
  await on.metastore.commit(await nextCommit(on));
  // Its hint of the head is written.
  await on[Symbol.asyncDispose]();
  await on.store.delete(logKey(on.volumeId, FIRST));
  const cold = createTestMetastore({ store: on.store, clock: on.clock });
  expect((await cold.metastore.getSnapshot(on.volumeId, undefined)).snapshot.lsn).toBe(2n);
  const error = await failureOf(cold.metastore.getSnapshot(on.volumeId, FIRST));
  expect(error.code).toBe("corrupt");
  expect(error.message).toContain(`${logKey(on.volumeId, FIRST)} is missing`);
});

test.each([11, 12, 13, 14, 15, 16])(
  "in any weather every acknowledged commit is in the log once, without a gap (seed %i)",
  async (seed) => {
    const on = setUp(seed);
    const random = new SeededRandom(seed * 1000);
    on.faulty.setRules(
      { fault: { kind: "latency", minMs: 0, maxMs: 30 } },
      { fault: { kind: "lands-late", delayMs: 700 }, operations: ["create"], probability: 0.15 },
      { fault: { kind: "reply-lost" }, operations: ["create"], probability: 0.2 },
      { fault: { kind: "unavailable" }, probability: 0.15 },
    );
    const acknowledged: Lsn[] = [];
    const writer = async (): Promise<void> => {
      const own = { ...on, clientId: createClientId(on), random: random.fork() };
      for (let at = 0; at < 12; at++) {
        const base = await latest(on).catch(() => undefined);
        const request = await inlineCommitOf(own, base, [page(1, at)]);
        acknowledged.push(...(await commitForSure(on, request)));
      }
    };
    await Promise.all([writer(), writer(), writer()]);
    await on.faulty.settled();
    on.faulty.setRules();
    const found = createTestMetastore({ store: on.faulty, clock: on.clock });
    const head = await found.metastore.getSnapshot(on.volumeId, undefined);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    expect(acknowledged.sort((a, b) => Number(a - b))).toEqual(
      Array.from({ length: Number(head.snapshot.lsn) }, (_, at) => BigInt(at + 1)),
    );
  },
);

/** As a client does: the same request until the answer is definite. */
async function commitForSure(on: Weather, request: CommitRequest): Promise<Lsn[]> {
  for (;;) {
    try {
      return [(await on.metastore.commit(request)).snapshot.lsn];
    } catch (error) {
      const { code } = error as GraftError;
      if (code === "rejected" || code === "not-found") return [];
      expect(code).toBe("unavailable");
    }
  }
}

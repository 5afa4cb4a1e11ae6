/** A server that is told to stop while it works. */
import { toLsn, toPageIndex } from "@graft/core";
import { systemClock as clock, systemRandom as random } from "@graft/core/node";
import { MemoryObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import {
  createMetastoreClient,
  fromCommitRequest,
  fromWatchRequest,
  MetricsRegistry,
  saysNothingWritten,
  silentLog,
  toWatchEvent,
} from "@graft/rpc";
import { createNodeTransport, startServer } from "@graft/rpc/node";
import { describe, expect, test } from "vitest";
import { createTestMetastore, inlineCommitOf } from "./testing/test-metastore.ts";

/** A node whose object store takes so long for a create. */
async function setUp(createMs: number) {
  const stack = new AsyncDisposableStack();
  const fault = { kind: "latency", minMs: createMs, maxMs: createMs } as const;
  const store = new FaultyObjectStore(new MemoryObjectStore(), [], random, clock);
  const on = stack.use(createTestMetastore({ clock, random, store }));
  const server = await startServer({
    ...on,
    port: 0,
    metrics: new MetricsRegistry(),
    log: silentLog,
  });
  stack.defer(() => server.close());
  const { transport, close } = createNodeTransport({ baseUrl: server.url, clock });
  stack.defer(close);
  const client = createMetastoreClient(transport);
  const page = { index: toPageIndex(1), data: new Uint8Array(4096).fill(1) };
  const commit = fromCommitRequest(await inlineCommitOf(on, undefined, [page]));
  store.setRules({ fault, operations: ["create"], prefix: `volumes/${on.volumeId}/log` });
  const owned = stack.move();
  return { on, server, client, commit, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe("a server that is told to stop", () => {
  test("answers the commits under way, and sends watchers elsewhere", async () => {
    await using all = await setUp(700);
    const { on, server, client, commit } = all;
    const volumes = [{ volumeId: on.volumeId }];
    const request = { volumes, heartbeatMs: 60_000, omitPages: true };
    const events = client.watch(fromWatchRequest(request))[Symbol.asyncIterator]();
    expect(toWatchEvent((await events.next()).value)).toMatchObject({ draining: false });
    const committing = client.commit(commit);
    await clock.sleep(200);
    on.drain();
    const closing = server.close(10_000);
    expect(toWatchEvent((await events.next()).value)).toEqual({
      kind: "heartbeat",
      draining: true,
    });
    expect((await events.next()).done).toBe(true);
    expect((await committing).snapshot?.lsn).toBe(1n);
    await closing;
    expect((await on.metastore.getSnapshot(on.volumeId, toLsn(1n))).snapshot.lsn).toBe(1n);
  });

  test("gives up at its deadline on what the store does not answer: the outcome is unknown", async () => {
    await using all = await setUp(60_000);
    const { on, server, client, commit } = all;
    const committing = client.commit(commit).then(
      () => undefined,
      (error: unknown) => error,
    );
    await clock.sleep(200);
    on.drain();
    const startMs = clock.monotonicMs();
    await server.close(500);
    expect(clock.monotonicMs() - startMs).toBeLessThan(3000);
    const error = await committing;
    expect(error).toMatchObject({ code: "unavailable" });
    expect(saysNothingWritten(error as never)).toBe(false);
  });
});

import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { describe, expect, test } from "vitest";
import { createMetastoreClient } from "../client-transport.ts";
import { type LogFacts, silentLog } from "../log.ts";
import { MetricsRegistry } from "../metrics.ts";
import { echoRoutes } from "../testing/echo-routes.ts";
import { createInMemoryTransport } from "../testing/in-memory-transport.ts";
import { parseBearerToken, sendTokenInterceptor, tokenOf } from "./auth.ts";
import { deadlineInterceptor } from "./deadline.ts";

const clock = new SimulatedClock();
const VOLUME = { vid: new Uint8Array(16) };

describe("the token", () => {
  test("is sent as a bearer token and reaches the handler", async () => {
    let token: string | undefined;
    const transport = createInMemoryTransport(
      (router) =>
        router.service(MetastoreService, {
          createVolume(_request, { values }) {
            token = tokenOf(values);
            return {};
          },
        }),
      { clock, clientInterceptors: [sendTokenInterceptor(() => "secret")] },
    );
    await createMetastoreClient(transport).createVolume({});
    expect(token).toBe("secret");
    expect(tokenOf(createContextValues())).toBeUndefined();
  });

  test.each([
    ["Bearer abc", "abc"],
    ["bearer abc", undefined],
    ["Basic abc", undefined],
    ["Bearer ", undefined],
    [null, undefined],
  ])("of %j is %j", (header, token) => {
    expect(parseBearerToken(header)).toBe(token);
  });
});

describe("the deadline", () => {
  test("ends a call whose server ignores it, as an unknown outcome", async () => {
    const own = new SimulatedClock();
    const transport = createInMemoryTransport(
      (router) => router.service(MetastoreService, { createVolume: () => new Promise(() => {}) }),
      { clock, clientInterceptors: [deadlineInterceptor({ clock: own, timeoutMs: 1000 })] },
    );
    const call = createMetastoreClient(transport).createVolume({});
    const outcome = expect(call).rejects.toMatchObject({ code: "unavailable" });
    await own.advance(999);
    expect(own.sleeperCount).toBe(1);
    await own.advance(1);
    await outcome;
  });

  test("leaves no timer behind when the call is answered in time", async () => {
    const own = new SimulatedClock();
    const transport = createInMemoryTransport(echoRoutes, { clock: own });
    await createMetastoreClient(transport).createVolume({});
    expect(own.sleeperCount).toBe(0);
  });

  test("does not end a stream", async () => {
    const own = new SimulatedClock();
    const transport = createInMemoryTransport(echoRoutes, { clock: own });
    const events = createMetastoreClient(transport).watch({ volumes: [VOLUME] });
    await events[Symbol.asyncIterator]().next();
    expect(own.sleeperCount).toBe(0);
  });
});

describe("log and metrics", () => {
  test("an error is one line with its code; a bug is logged with its cause", async () => {
    const lines: [string, LogFacts][] = [];
    const log = {
      ...silentLog,
      info: (facts: LogFacts) => lines.push(["info", facts]),
      error: (facts: LogFacts) => lines.push(["error", facts]),
    };
    const transport = createInMemoryTransport(echoRoutes, { clock, log });
    const client = createMetastoreClient(transport);
    await client.getSnapshot({}).catch(() => undefined);
    expect(lines.splice(0)).toMatchObject([["info", { code: "Aborted", ms: 0 }]]);
    await client.getSnapshot({ lsn: 1n }).catch(() => undefined);
    expect(lines).toMatchObject([
      ["error", { err: new TypeError("a secret of this server") }],
      ["info", { code: "Internal", error: "internal server error" }],
    ]);
  });

  test("calls are counted by outcome, streams when they end", async () => {
    const metrics = new MetricsRegistry();
    const transport = createInMemoryTransport(echoRoutes, { clock, metrics });
    const client = createMetastoreClient(transport);
    await client.createVolume({});
    await client.getSnapshot({}).catch(() => undefined);
    const gone = new AbortController();
    const events = client.watch({ volumes: [VOLUME] }, { signal: gone.signal });
    const iterator = events[Symbol.asyncIterator]();
    await iterator.next();
    const watch = 'rpc="graft.metastore.v1.MetastoreService/Watch"';
    expect(metrics.render()).toContain(`graft_rpc_active{${watch}} 1`);
    gone.abort();
    await iterator.next().catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(metrics.render()).toContain(`graft_rpc_active{${watch}} 0`);
    expect(metrics.render()).toContain('GetSnapshot",code="Aborted"} 1');
  });
});

describe("clients", () => {
  test("a given-up call rejects with the signal's own reason", async () => {
    const transport = createInMemoryTransport(
      (router) => router.service(MetastoreService, { createVolume: () => new Promise(() => {}) }),
      { clock },
    );
    const gone = new AbortController();
    const call = createMetastoreClient(transport).createVolume({}, { signal: gone.signal });
    const reason = new Error("closed by the user");
    gone.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  test("a missing method is invalid-argument, and an error in a stream is ours", async () => {
    const transport = createInMemoryTransport(
      (router) =>
        router.service(MetastoreService, {
          async *watch() {
            yield {};
            throw new GraftError("not-found", "no such volume");
          },
        }),
      { clock },
    );
    const client = createMetastoreClient(transport);
    await expect(client.getSnapshot({})).rejects.toMatchObject({ code: "invalid-argument" });
    const read = async () => {
      for await (const _ of client.watch({}));
    };
    await expect(read()).rejects.toMatchObject({ code: "not-found", message: "no such volume" });
  });

  test("Connect's own errors pass through a server as they are", async () => {
    const transport = createInMemoryTransport(
      (router) =>
        router.service(MetastoreService, {
          createVolume() {
            throw new ConnectError("too much", Code.ResourceExhausted);
          },
        }),
      { clock },
    );
    const call = createMetastoreClient(transport).createVolume({});
    await expect(call).rejects.toMatchObject({ code: "resource-exhausted" });
  });
});

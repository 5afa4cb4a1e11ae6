import { createClient, createRouterTransport } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@graft/proto-gen/health";
import { expect, test } from "vitest";
import { DrainableHealth, registerHealth } from "./health.ts";

test("a thousand streams watch at once; the next is refused until one has ended", async () => {
  const health = new DrainableHealth();
  const client = createClient(
    Health,
    createRouterTransport((router) => registerHealth(router, health)),
  );
  const watch = async () => {
    const caller = new AbortController();
    const events = client.watch({}, { signal: caller.signal })[Symbol.asyncIterator]();
    const { value } = await events.next();
    return { caller, events, status: value?.status };
  };
  const first = await watch();
  for (let count = 1; count < 1000; count++) await watch();
  await expect(watch()).rejects.toThrow("resource_exhausted");
  // Who only asks is answered, and so is who watches what is not there.
  expect((await client.check({})).status).toBe(Status.SERVING);
  for await (const { status } of client.watch({ service: "none" })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN);
  }
  first.caller.abort(new Error("left"));
  await expect(first.events.next()).rejects.toThrow("left");
  expect((await watch()).status).toBe(Status.SERVING);
  await expect(watch()).rejects.toThrow("resource_exhausted");
  health.drain();
});

/** libgraft 0.1.5 with tokens as v0.1 made them (PASETO v4.local), and with tokens of ours. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Claims,
  createLocalKey,
  createToken,
  formatLocalKey,
  parseVolumePattern,
} from "@graft/auth";
import type { VolumeId } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../harness/until.ts";
import { LIBGRAFT_PYTHON, PATIENCE_MS } from "./libgraft-client.ts";
import { LibgraftWorld } from "./libgraft-world.ts";
import { graftErr, RAW, ROUTE_NAMES, ROUTES, V01Volume, V01Wire } from "./v01-wire.ts";

const means = { clock: systemClock, random: systemRandom };
const folder = mkdtempSync(join(tmpdir(), "graft-libgraft-keys-"));
const key = createLocalKey(systemRandom);
const WRITE_PAGES = ROUTES.write_pages.path;
let world: LibgraftWorld;

beforeAll(async () => {
  const file = join(folder, "keys");
  writeFileSync(file, formatLocalKey(key));
  world = await LibgraftWorld.start("--token-keys", file);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function token(claims: Claims): string {
  return createToken(claims, key, means);
}

/** As `graft-tool token` of v0.1 made them: no scopes, no end. */
function oldToken(): string {
  return token({ subject: "somebody", notBeforeMs: systemClock.nowMs() - 1000 });
}

function readerOf(volumeId: VolumeId): string {
  return token({
    subject: "reader",
    scopes: [{ volumes: [parseVolumePattern(volumeId)], access: ["read"] }],
  });
}

test("a request without a valid token is 401, code 4, on every route, and says no more", async () => {
  using wire = new V01Wire(world.url ?? "");
  const foreign = createToken({ subject: "x" }, createLocalKey(systemRandom), means);
  const expired = token({ subject: "x", expiresMs: systemClock.nowMs() - 1000 });
  const early = token({ subject: "x", notBeforeMs: systemClock.nowMs() + 3_600_000 });
  const wrong = [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    `bearer ${oldToken()}`,
    `Basic ${oldToken()}`,
    // The reference panics at this one.
    "Bearer v4.local.",
    `Bearer ${foreign}`,
    `Bearer ${expired}`,
    `Bearer ${early}`,
    `Bearer ${oldToken()}A`,
  ];
  for (const authorization of wrong) {
    for (const route of ROUTE_NAMES) {
      const answer = await wire.send(ROUTES[route].path, Uint8Array.of(1), { authorization });
      expect([answer.status, answer.headers["content-type"]]).toEqual([401, RAW]);
      expect(Buffer.from(answer.body)).toEqual(Buffer.from(graftErr(4, "unauthorized")));
    }
  }
  // With one, the request itself is looked at.
  const authorization = `Bearer ${oldToken()}`;
  const { status } = await wire.send(ROUTES.commit.path, Uint8Array.of(1), { authorization });
  expect(status).toBe(400);
  const { vid } = new V01Volume(wire);
  expect((await wire.ask("snapshot", { vid })).status).toBe(401);
});

describe.skipIf(LIBGRAFT_PYTHON === "")("libgraft 0.1.5 with tokens", () => {
  test.concurrent("an old token may do everything; without one nothing leaves the client, or is lost there", async () => {
    const volumeId = world.createVolume();
    const { client, way } = await world.openLibgraft(volumeId);
    await client.query("create table t(a); insert into t values (1)");
    await until(() => way.requestCount(WRITE_PAGES) >= 2, PATIENCE_MS);
    expect(await client.syncErrors()).toMatch(/Unauthorized: unauthorized/);
    expect((await client.snapshot())?.isPushed).toBe(false);
    await client.kill();
    const known = await world.reopen(client, { token: oldToken() });
    // It was in the middle of a push: it needs news from the server before it goes on.
    expect(await known.status()).toBe("InterruptedPush");
    expect(await known.query("select a from t")).toEqual([[1]]);
    const other = world.createVolume();
    const { client: writer } = await world.openLibgraft(other, { token: oldToken() });
    await writer.query("create table t(a); insert into t values (1)");
    expect(await writer.pushed()).toMatchObject({ isPushed: true });
    const ours = await world.openOurs(other, oldToken());
    expect(await ours.prepare("select a from t").pluck().all()).toEqual([1]);
  });

  test.concurrent("a token that may only read pulls, and pushes nothing", async () => {
    const volumeId = world.createVolume();
    const { client: writer } = await world.openLibgraft(volumeId, { token: oldToken() });
    await writer.query("create table t(a); insert into t values (1)");
    const { remoteLsn = 0 } = await writer.pushed();
    const token = readerOf(volumeId);
    const { client: reader, way } = await world.openLibgraft(volumeId, { token });
    await reader.pulled(remoteLsn);
    expect(await reader.query("select a from t")).toEqual([[1]]);
    await reader.query("insert into t values (2)");
    await until(() => way.requestCount(WRITE_PAGES) >= 2, PATIENCE_MS);
    expect(await reader.syncErrors()).toMatch(/Unauthorized: unauthorized/);
    expect((await reader.snapshot())?.isPushed).toBe(false);
    // Of another volume it learns nothing, not even whether it is there.
    const elsewhere = world.createVolume();
    const { client: stranger, way: strange } = await world.openLibgraft(elsewhere, { token });
    await until(() => strange.requestCount() >= 2, PATIENCE_MS);
    expect(await stranger.syncErrors()).toMatch(/Unauthorized: unauthorized/);
  });
});

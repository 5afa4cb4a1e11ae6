/** Tokens that end while they are used: what was written waits, and goes on with the next one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalKey } from "@graft/auth";
import { createVolumeId, toLsn } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { fromWatchRequest, toWatchEvent } from "@graft/rpc";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GuardedServers, scopeOf } from "../harness/guarded-servers.ts";
import { until } from "../harness/until.ts";

const IDS = { clock: systemClock, random: systemRandom };
/** Time for a loaded machine. */
const PATIENCE_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "graft-renewal-"));
let servers: GuardedServers;

beforeAll(async () => {
  servers = await GuardedServers.start();
});
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const errorOf = (db: Database): string | undefined => db.status().lastError?.error.code;
const isPushed = (db: Database): boolean => db.status().local.pending === 0;
const countOf = async (db: Database): Promise<unknown> =>
  (await db.prepare("select count(*) as n from note").get())?.n;

describe("a client whose token has ended", () => {
  test("keeps its work, says so, and goes on with a renewed one, without a restart", async () => {
    const nowMs = systemClock.nowMs();
    const over = servers.token({ expiresMs: nowMs - 1 });
    let token = servers.token({});
    const options = { url: servers.urls, token: () => token };
    await using db = await openDatabase({ ...options, path: join(folder, "a") });
    await db.exec("create table note(id integer primary key, text)");
    await until(() => isPushed(db), PATIENCE_MS);

    token = over;
    await db.exec("insert into note(text) values ('kept')");
    await until(() => errorOf(db) === "unauthenticated", PATIENCE_MS);
    expect(db.status().lastError?.error.message).toContain("expired");
    expect(db.status().local.pending).toBe(1);
    await db.exec("insert into note(text) values ('kept, too')");
    expect(await countOf(db)).toBe(2);

    token = servers.token({});
    await until(() => isPushed(db), PATIENCE_MS);
    const volume = db.volume.volumeId;
    await using other = await openDatabase({ ...options, volume });
    expect(await countOf(other)).toBe(2);
  });

  test("that only may read is told so, and keeps its work", async () => {
    const maker = await openDatabase({ url: servers.urls, token: servers.token({}) });
    await maker.exec("create table note(id integer primary key, text)");
    await until(() => isPushed(maker), PATIENCE_MS);
    const volume = maker.volume.volumeId;
    const token = servers.token({ scopes: [scopeOf(volume, "read")] });
    await using db = await openDatabase({ url: servers.urls, token, volume, sync: "manual" });
    expect(await countOf(db)).toBe(0);
    await db.exec("insert into note(text) values ('kept')");
    await expect(db.push()).rejects.toMatchObject({ code: "permission-denied" });
    expect(db.status().local.pending).toBe(1);
    expect(await countOf(db)).toBe(1);
    await maker.close();
  });

  test("is told when who makes its tokens cannot", async () => {
    const token = () => Promise.reject(new Error("the provider is away"));
    await using db = await openDatabase({ url: servers.urls, token, sync: "manual" });
    await db.exec("create table note(id integer primary key, text)");
    await expect(db.push()).rejects.toMatchObject({ code: "unauthenticated" });
    expect(db.status().local.pending).toBe(1);
  });
});

describe("a stream of news", () => {
  const watch = (token: string, volumeId = createVolumeId(IDS)) => {
    const { metastore } = servers.clients(token);
    const request = { volumes: [{ volumeId }], heartbeatMs: 1000, omitPages: false };
    return { volumeId, events: metastore.watch(fromWatchRequest(request)) };
  };
  /** What ends it: the ends of its volumes, and the error of the stream. */
  async function endOf({ events }: ReturnType<typeof watch>) {
    const ends: unknown[] = [];
    try {
      for await (const message of events) {
        const event = toWatchEvent(message);
        if (event?.kind === "end") ends.push({ volumeId: event.volumeId, code: event.code });
      }
    } catch (error) {
      return { ends, error };
    }
    return { ends, error: undefined };
  }

  test("ends as unauthenticated when its token does, and those of others go on", async () => {
    const dying = watch(servers.token({ expiresMs: systemClock.nowMs() + 1500 }));
    const living = watch(servers.token({}), dying.volumeId);
    const beats = living.events[Symbol.asyncIterator]();
    await beats.next();
    expect(await endOf(dying)).toEqual({
      ends: [{ volumeId: dying.volumeId, code: "unauthenticated" }],
      error: expect.objectContaining({ code: "unauthenticated" }),
    });
    expect((await beats.next()).done).toBe(false);
    await beats.return?.();
  });

  test("ends when the key of its token is taken away", async () => {
    const old = createLocalKey(systemRandom);
    servers.rotateKeys(servers.key, old);
    const stream = await until(async () => {
      const { metastore } = servers.clients(servers.token({}, old));
      return await metastore.createVolume({ vid: new Uint8Array(0) }).then(
        () => true,
        (error) => error.code === "invalid-argument",
      );
    }).then(() => watch(servers.token({}, old)));
    const ended = endOf(stream);
    servers.rotateKeys(servers.key);
    expect((await ended).error).toMatchObject({ code: "unauthenticated" });
    servers.rotateKeys(servers.key);
  });

  test("tells of the volumes that may be read, ends the others, and shows no LSN beyond its bound", async () => {
    const all = servers.token({});
    const maker = await openDatabase({ url: servers.urls, token: all, sync: "manual" });
    for (let at = 0; at < 3; at++) {
      await maker.exec(`create table t${at}(x)`);
      await maker.push();
    }
    const volume = maker.volume.volumeId;
    const forbidden = createVolumeId(IDS);
    const scopes = [{ ...scopeOf(volume, "read"), maxLsn: toLsn(2n) }];
    const { metastore } = servers.clients(servers.token({ scopes }));
    const request = {
      volumes: [{ volumeId: volume }, { volumeId: forbidden }],
      heartbeatMs: 1000,
      omitPages: false,
    };
    const seen: unknown[] = [];
    for await (const message of metastore.watch(fromWatchRequest(request))) {
      const event = toWatchEvent(message);
      if (event?.kind === "heartbeat") break;
      if (event?.kind === "end") seen.push([event.volumeId, event.code]);
      if (event?.kind === "news") seen.push([event.snapshot.volumeId, event.snapshot.lsn]);
    }
    expect(seen).toEqual([
      [forbidden, "permission-denied"],
      [volume, 2n],
    ]);
    await maker.close();
  });
});

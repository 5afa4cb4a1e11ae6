/**
 * Eight libgraft processes, on one volume, move money while the server is killed and started again:
 * what was pushed stays, and nothing else was ever there. `GRAFT_LIBGRAFT_BANK_MS`: how long,
 * default 60 s.
 */

import { systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runMeasured } from "../../harness/measured-graft.ts";
import { BANK_SQL, BankMember, SUM_SQL } from "./bank-member.ts";
import { LIBGRAFT_PYTHON } from "./libgraft-client.ts";
import { LibgraftWorld } from "./libgraft-world.ts";

const MEMBER_COUNT = 8;
const RUN_MS = Number(process.env.GRAFT_LIBGRAFT_BANK_MS ?? 60_000);
/** A server lives so long, and is down for as long as it takes to start another. */
const LIFE_MS = 8_000;

describe.skipIf(LIBGRAFT_PYTHON === "")("eight libgraft 0.1.5", () => {
  let world: LibgraftWorld;

  beforeAll(async () => {
    world = await LibgraftWorld.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test(
    "move money through a server that is killed again and again",
    async () => {
      const volumeId = world.createVolume();
      const founder = await world.openLibgraft(volumeId);
      await founder.client.query(BANK_SQL);
      const { remoteLsn = 0 } = await founder.client.pushed();
      const members = await Promise.all(
        Array.from({ length: MEMBER_COUNT }, async (_, at) => {
          const { client } = await world.openLibgraft(volumeId);
          await client.pulled(remoteLsn);
          return new BankMember(client, at, new SeededRandom(at));
        }),
      );
      const endMs = systemClock.monotonicMs() + RUN_MS;
      const isOver = (): boolean => systemClock.monotonicMs() >= endMs;
      let restartCount = 0;
      const killing = (async () => {
        for (; !isOver(); restartCount++) {
          await systemClock.sleep(LIFE_MS);
          await world.killServer();
          await world.startServer();
        }
      })();
      await Promise.all([killing, ...members.map((member) => member.work(isOver))]);
      for (const member of members) await member.settle();
      const ours = await world.openOurs(volumeId);
      await ours.pull();
      expect(await ours.prepare("pragma integrity_check").pluck().get()).toBe("ok");
      expect(await ours.prepare("pragma foreign_key_check").all()).toEqual([]);
      expect(await ours.prepare(SUM_SQL).raw().get()).toEqual([1_000_000, 0]);
      // Whatever a member saw on the server is there, once.
      const transfers = await ours.prepare("select member, sequence from transfer").raw().all();
      const stored = new Set(transfers.map(String));
      expect(stored.size).toBe(transfers.length);
      const pushed = members.flatMap((member) => member.pushed);
      expect(pushed.filter((name) => !stored.has(name))).toEqual([]);
      // And what is there was tried by somebody.
      const tried = new Set(members.flatMap((member) => member.tried));
      expect([...stored].filter((name) => !tried.has(name))).toEqual([]);
      const lsn = Number(ours.status().remote?.lsn);
      for (const { client } of members) {
        await client.pulled(lsn);
        expect(await client.queryAnew(SUM_SQL)).toEqual([[1_000_000, 0]]);
        expect(await client.queryAnew("select count(*) from transfer")).toEqual([[stored.size]]);
        expect(await client.queryAnew("pragma integrity_check")).toEqual([["ok"]]);
      }
      await runMeasured(["fsck", volumeId, "--store", world.store]);
      const resets = members.reduce((sum, { resetCount }) => sum + resetCount, 0);
      // It was no idle run.
      expect(resets).toBeGreaterThan(0);
      expect(restartCount).toBeGreaterThan(0);
      expect(stored.size).toBeGreaterThan(MEMBER_COUNT);
    },
    RUN_MS + 240_000,
  );
});

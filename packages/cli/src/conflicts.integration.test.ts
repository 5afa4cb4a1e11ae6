/** Two people on one volume, who both went on: what the command line shows and does about it. */
import { expect, it } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, runGraft } from "./testing/run-graft.ts";
import { serveFolder } from "./testing/served-folder.ts";

const served = serveFolder();

it("shows both sides and their base, runs ours again, and keeps what failed", async () => {
  makeDatabase(served.at("both.db"));
  const volume = await served.importFile("both.db", "notes", "a");
  const [a, b] = [served.place("a"), served.place("b")];
  await graftJson(["clone", volume, "--tag", "notes", ...b]);
  const insert = (id: number): string => `insert into notes values (${id}, 'mine', '')`;
  await graftJson(["sql", "notes", insert(9_001), ...a]);
  await graftJson(["push", "notes", "--message", "theirs first", ...a]);
  await graftJson(["sql", "notes", insert(9_000), insert(9_001), "--record", ...b]);
  const refused = await runGraft(["push", "notes", ...b]);
  expect(refused.code).toBe(3);

  const [status] = await graftJson(["status", "notes", ...b]);
  expect(status).toMatchObject({
    state: "diverged",
    local: { pending: 2, rejected: 0 },
    divergence: {
      base: 1,
      ours: [{ statements: 1 }, { statements: 1, appTransactionId: expect.any(String) }],
      theirs: [{ lsn: 2, message: "theirs first" }],
    },
  });
  const rows = await graftJson(["log", "notes", ...b]);
  expect(rows.map(({ pending, lsn, theirs }) => [pending, lsn, theirs])).toEqual([
    [true, undefined, undefined],
    [true, undefined, undefined],
    [false, 2, true],
    [false, 1, undefined],
  ]);

  const [rebased] = await graftJson(["rebase", "notes", ...b]);
  expect(rebased).toMatchObject({ lsn: 2, rebased: 1, rejected: 1 });
  const [rejected] = await graftJson(["outbox", "notes", ...b]);
  expect(rejected).toMatchObject({
    statements: 1,
    error: { code: "SQLITE_CONSTRAINT_PRIMARYKEY" },
  });
  const id = String(rejected?.id);
  const [shown] = await graftJson(["outbox", "notes", "show", id, ...b]);
  expect(shown).toMatchObject({
    statements: [{ sql: "insert into notes values (9001, 'mine', '')" }],
  });
  const again = await runGraft(["outbox", "notes", "retry", id, ...b]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/UNIQUE/)]);
  await graftJson(["outbox", "notes", "discard", id, ...b]);
  const text = await runGraft(["status", "notes", ...b]);
  expect(text.stdout).toMatch(/status +pending/);
}, 120_000);

/** The drill of docs/operations.md: a bucket is copied, lost, restored, and checked. */
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeDatabase } from "./testing/make-database.ts";
import { graftJson, runGraft, startGraft } from "./testing/run-graft.ts";
import { createTemporaryFolder } from "./testing/temporary-folder.ts";

const COUNT = "select count(*) as n, sum(length(body)) as size from notes";

test("a copy of the bucket, taken beside a running server, is all that is needed", async () => {
  using folder = createTemporaryFolder();
  const [bucket, copy] = [folder.at("bucket"), folder.at("copy")];
  const replica = ["--path", folder.at("replica")];
  const insert = "insert into notes (kind, body) values ('drill', 'kept')";
  let volume = "";
  {
    await using server = await startGraft(["serve", "--port", "0", "--store", `file:${bucket}`]);
    const words = ["--url", server.url, ...replica];
    const file = folder.at("notes.db");
    makeDatabase(file);
    const [imported] = await graftJson(["import", file, "--tag", "notes", ...words]);
    volume = String(imported?.volume);
    await graftJson(["sql", "notes", insert, ...words]);
    await graftJson(["push", "notes", ...words]);
    cpSync(bucket, copy, { recursive: true });
    // After the copy: lost with the bucket, but not with a replica that has every page.
    await graftJson(["sql", "notes", insert, ...words]);
    await graftJson(["push", "notes", ...words]);
    await graftJson(["hydrate", "notes", ...words]);
  }
  rmSync(bucket, { recursive: true });
  cpSync(copy, bucket, { recursive: true });
  const store = `file:${bucket}`;
  expect((await runGraft(["fsck", "--store", store])).code).toBe(0);

  await using server = await startGraft(["serve", "--port", "0", "--store", store]);
  const fresh = ["--url", server.url, "--path", folder.at("fresh")];
  await graftJson(["clone", volume, "--tag", "notes", ...fresh]);
  const [restored] = await graftJson(["sql", "notes", COUNT, ...fresh]);
  expect(restored).toMatchObject({ n: 1001 });
  // The replica has what came after the copy: exported, it is not lost.
  const words = ["--url", server.url, ...replica];
  const [kept] = await graftJson(["sql", "notes", COUNT, ...words]);
  expect(kept).toMatchObject({ n: 1002 });
  const saved = folder.at("saved.db");
  expect((await runGraft(["export", "notes", saved, ...words])).code).toBe(0);
});

test("one damaged object is found by name, and put back from the copy", async () => {
  using folder = createTemporaryFolder();
  const [bucket, copy] = [folder.at("bucket"), folder.at("copy")];
  {
    await using server = await startGraft(["serve", "--port", "0", "--store", `file:${bucket}`]);
    const file = folder.at("notes.db");
    makeDatabase(file);
    const words = ["--url", server.url, "--path", folder.at("replica")];
    await graftJson(["import", file, "--tag", "notes", ...words]);
  }
  cpSync(bucket, copy, { recursive: true });
  const lost = readdirSync(bucket, { recursive: true, encoding: "utf8" }).find((name) =>
    /segments\/[^/]+$/.test(name),
  );
  rmSync(join(bucket, lost ?? ""));
  const found = await runGraft(["fsck", "--store", `file:${bucket}`]);
  expect(found.code).toBe(1);
  expect(found.stdout).toContain(lost);
  cpSync(join(copy, lost ?? ""), join(bucket, lost ?? ""));
  expect((await runGraft(["fsck", "--store", `file:${bucket}`])).code).toBe(0);
});

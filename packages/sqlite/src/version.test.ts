import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { openTestDatabase } from "./testing/open-test-database.ts";
import { GRAFT_VERSION } from "./version.ts";

test("the versions that are told are those that run", async () => {
  const { version } = createRequire(import.meta.url)("../package.json");
  const { db } = openTestDatabase();
  const sqlite = await db.prepare("select sqlite_version()").pluck().get();
  await db.close();
  expect(GRAFT_VERSION).toEqual({ graft: version, sqlite });
});

import { existsSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTemporaryFolder, type TemporaryFolder } from "../testing/temporary-folder.ts";
import { FORUM_SIZE_SMALL, writeForum } from "./forum-database.ts";
import { copyDatabase, StockDatabase } from "./stock-database.ts";

let folder: TemporaryFolder;

beforeAll(() => {
  folder = createTemporaryFolder();
  writeForum(folder.at("one.db"), FORUM_SIZE_SMALL, 1);
});

afterAll(() => folder?.[Symbol.dispose]());

describe("the forum", () => {
  it("is in WAL mode, with its newest posts in the -wal file alone", () => {
    const header = readFileSync(folder.at("one.db")).subarray(18, 20);
    expect([...header]).toEqual([2, 2]);
    expect(statSync(folder.at("one.db-wal")).size).toBeGreaterThan(0);
    expect(existsSync(folder.at("one.db.draft"))).toBe(false);
    copyDatabase(folder.at("one.db"), folder.at("whole.db"));
    using whole = new StockDatabase(folder.at("whole.db"));
    expect(whole.value("PRAGMA integrity_check")).toBe("ok");
    expect(whole.value("SELECT count(*) FROM posts")).toBe(BigInt(FORUM_SIZE_SMALL.posts));
    // Throws when the full-text index does not agree with the posts.
    whole.exec("INSERT INTO posts_text (posts_text, rank) VALUES ('integrity-check', 1)");
  });

  it("is the same for the same seed, and another for another", () => {
    writeForum(folder.at("two.db"), FORUM_SIZE_SMALL, 1);
    writeForum(folder.at("three.db"), FORUM_SIZE_SMALL, 2);
    const read = (name: string): Buffer => readFileSync(folder.at(name));
    expect(read("two.db").equals(read("one.db"))).toBe(true);
    expect(read("three.db").equals(read("one.db"))).toBe(false);
  });
});

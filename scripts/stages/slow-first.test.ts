import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../repository/files.ts";
import { rank, SLOW } from "./slow-first.ts";

test("what is slow is there, and comes in its order before all else", () => {
  expect(SLOW.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(SLOW.map((path) => rank(join(ROOT, path)))).toEqual(SLOW.map((_, at) => at));
  expect(rank(join(ROOT, "packages/a.test.ts"))).toBe(SLOW.length);
});

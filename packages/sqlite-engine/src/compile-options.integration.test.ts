import { readFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openMemory, rowsOf } from "./testing/fixture.ts";

const COMPATIBILITY = new URL("../../../docs/compatibility.md", import.meta.url);
/** A row of the table: option, here, in Node. */
const ROW = /^\| `([A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \|/gm;

/** Option → value; "on" for an option without one. */
function toOptions(rows: readonly unknown[]): Map<string, string> {
  return new Map(
    rows.map((row) => {
      const [name = "", value = "on"] = String(row).split("=");
      return [name, value];
    }),
  );
}

test("docs/compatibility.md lists every compile option that differs from stock, and no other", async () => {
  const db = await openMemory("rerun");
  const here = toOptions((await rowsOf(db, "pragma compile_options")).flat());
  const stock = new DatabaseSync(":memory:").prepare("pragma compile_options").all();
  const inNode = toOptions(stock.flatMap((row) => Object.values(row)));

  const differing = new Map<string, readonly [here: string, inNode: string]>();
  for (const name of new Set([...here.keys(), ...inNode.keys()])) {
    const pair = [here.get(name) ?? "–", inNode.get(name) ?? "–"] as const;
    if (pair[0] !== pair[1]) differing.set(name, pair);
  }

  const text = await readFile(COMPATIBILITY, "utf8");
  const listed = [...text.matchAll(ROW)].map(([, name = "", ours, nodes]) => {
    return { name, ours: ours?.trim(), nodes: nodes?.trim() };
  });
  expect(listed.map(({ name }) => name).sort()).toEqual([...differing.keys()].sort());
  for (const { name, ours, nodes } of listed) {
    // An option that a build leaves at its default has no value of its own to show.
    const [expectedOurs, expectedNodes] = differing.get(name) ?? [];
    if (expectedOurs !== "–") expect(ours, name).toBe(expectedOurs);
    if (expectedNodes !== "–") expect(nodes, name).toBe(expectedNodes);
  }
  expect(text).toContain(`SQLite ${(await rowsOf(db, "select sqlite_version()")).flat()[0]},`);
});

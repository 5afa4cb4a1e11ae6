/**
 * Bytes from yesterday. Each fixture is written once: `<name>.hex` as stored, `<name>.json` what
 * it means. Changing one is a change of the format, and needs a decision record.
 */
import { readdirSync, readFileSync } from "node:fs";
import { decodeHex, encodeHex, isGraftError } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { GOLDEN_FORMATS } from "./golden-formats.ts";
import { describeValue, reviveValue } from "./golden-value.ts";

const folder = new URL("../fixtures/formats/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".hex"))
  .map((name) => name.slice(0, -".hex".length));

function readFixture(name: string) {
  const hex = readFileSync(new URL(`${name}.hex`, folder), "utf8").replaceAll(/\s/g, "");
  const json: unknown = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
  const format = GOLDEN_FORMATS.get(name.split("-")[0] ?? "");
  if (format === undefined) throw new Error(`fixture ${name} is of no known format`);
  return { hex, bytes: decodeHex(hex), json, format };
}

describe("golden bytes", () => {
  test("are there for every format", () => {
    const found = new Set(names.map((name) => name.split("-")[0]));
    expect([...found].sort()).toEqual([...GOLDEN_FORMATS.keys()].sort());
  });

  test.each(names)("%s is read as what its description says", async (name) => {
    const { bytes, json, format } = readFixture(name);
    const value = await format.decode(bytes, reviveValue(json));
    expect(describeValue(value)).toEqual(json);
  });

  test.each(names)("%s is written again, byte for byte", (name) => {
    const { hex, json, format } = readFixture(name);
    expect(encodeHex(format.encode(reviveValue(json)))).toBe(hex);
  });

  test.each(names)("%s with any bit flipped is refused, or says something else", async (name) => {
    const { bytes, json, format } = readFixture(name);
    const random = new SeededRandom(7);
    for (let round = 0; round < 300; round++) {
      const copy = bytes.slice();
      const at = random.integer(0, copy.length - 1);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
      try {
        const value = await format.decode(copy, reviveValue(json));
        // Only what has no checksum of its own may still be read: a page set and the head hint.
        expect(describeValue(value)).not.toEqual(json);
        expect(["page", "head"]).toContain(name.split("-")[0]);
      } catch (error) {
        if (!isGraftError(error, "corrupt")) throw error;
      }
    }
  });
});

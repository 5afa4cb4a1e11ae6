import { LSN_LAST, type Lsn, toLsn } from "@graft/core";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findHead } from "./find-head.ts";

async function search(head: bigint, hint: bigint | undefined): Promise<[bigint, number]> {
  let lookups = 0;
  const exists = async (lsn: Lsn): Promise<boolean> => {
    lookups++;
    return lsn <= head;
  };
  const found = await findHead(exists, hint === undefined ? undefined : toLsn(hint));
  return [found ?? 0n, lookups];
}

test("the head is found from any hint, right or wrong, or from none", async () => {
  const lsn = fc.oneof(
    fc.bigInt({ min: 0n, max: 40n }),
    fc.bigInt({ min: 0n, max: LSN_LAST }),
    fc.constant<bigint>(LSN_LAST),
  );
  await fc.assert(
    fc.asyncProperty(lsn, fc.option(lsn, { nil: undefined }), async (head, hint) => {
      const [found] = await search(head, hint === 0n ? undefined : hint);
      expect(found).toBe(head);
    }),
  );
});

test.each([
  ["an empty log, without a hint", 0n, undefined, 1],
  ["an exact hint", 10_000n, 10_000n, 2],
  ["a hint that is one behind", 10_000n, 9_999n, 4],
  ["a hint that is four behind, as it may be", 10_000n, 9_996n, 6],
  ["a hint that is ahead by far", 5n, 10_000n, 20],
  ["no hint, after 10 000 commits", 10_000n, undefined, 28],
])("%s takes few lookups", async (_, head, hint, most) => {
  const [found, lookups] = await search(head, hint);
  expect(found).toBe(head);
  expect(lookups).toBeLessThanOrEqual(most);
});

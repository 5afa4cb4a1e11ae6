import { expect, test } from "vitest";
import { widening } from "./fetch-width.ts";

test("the first runs fetch only what they missed, later ones ever more, up to a limit", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 13, 14, 500].map(widening)).toEqual([
    0, 0, 0, 0, 1, 3, 7, 1023, 1023, 1023,
  ]);
});

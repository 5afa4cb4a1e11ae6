import { randomFillSync } from "node:crypto";
import type { Random } from "../random.ts";

/** The kernel's entropy. */
export const systemRandom: Random = {
  fill(target: Uint8Array): void {
    randomFillSync(target);
  },
};

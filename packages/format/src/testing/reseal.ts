import type { Compute } from "@graft/core";
import { RECORD } from "../record.ts";

/**
 * A damaged record with a size and a checksum that are right again, so that a test reaches what
 * lies behind the envelope. A copy.
 */
export function reseal(bytes: Uint8Array, compute: Compute): Uint8Array {
  const sealed = bytes.slice();
  if (sealed.length < RECORD.overhead) return sealed;
  const end = sealed.length - RECORD.checksumSize;
  new DataView(sealed.buffer).setUint32(RECORD.bodySize, end - RECORD.body);
  sealed.set(compute.sha256(sealed.subarray(0, end)).subarray(0, RECORD.checksumSize), end);
  return sealed;
}

/** What every program of `examples/` reports, as examples/README.md says it. */
import { createHash } from "node:crypto";
import { encodePageSet, pageSetOf, toPageIndex } from "@graft/core";

export const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export const STEPS = [
  "create",
  "write",
  "commit",
  "retry",
  "reject",
  "pull",
  "read",
  "stream",
  "watch",
  "deadline",
  "limit",
  "health",
] as const;
export type Step = (typeof STEPS)[number];

/** What its connections show. */
export const COMPRESSIONS = ["compressed requests", "compressed answers"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** A line that a program printed. */
export interface Report {
  readonly step: string;
  readonly ok: boolean;
  readonly skipped?: string;
  readonly [field: string]: unknown;
}

const PAGES_SHA256 = createHash("sha256")
  .update(new Uint8Array(4096).fill(1))
  .update(new Uint8Array(4096).fill(2))
  .digest("hex");
const PAGES_1_AND_2: string = Buffer.from(
  encodePageSet(pageSetOf([toPageIndex(1), toPageIndex(2)])),
).toString("base64");

/** What a step must report; more fields are welcome. */
export const EXPECTED: Readonly<Record<Step, Readonly<Record<string, unknown>>>> = {
  create: { created: true, pageSize: 4096 },
  write: { segments: 1 },
  commit: { lsn: 1, replayed: false },
  retry: { lsn: 1, replayed: true },
  reject: { code: "aborted", detail: "rejected", reason: "REJECTED" },
  pull: { lsn: 1, graft: PAGES_1_AND_2 },
  read: { pages: 2, sha256: PAGES_SHA256 },
  stream: { pages: 2, sha256: PAGES_SHA256 },
  watch: { from: 1, lsn: 2, code: "canceled" },
  deadline: { code: "deadline_exceeded" },
  limit: { code: "invalid_argument", detail: "invalid-argument" },
  health: { status: "SERVING" },
};

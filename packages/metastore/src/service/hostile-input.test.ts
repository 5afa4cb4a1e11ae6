import { create, toBinary } from "@bufbuild/protobuf";
import { GraftError, gidBytes } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import {
  CommitRequestSchema,
  PullCommitsRequestSchema,
  PullGraftRequestSchema,
} from "@graft/proto-gen/metastore";
import { fromCommitRequest } from "@graft/rpc";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createTestMetastore, inlineCommitOf } from "../testing/test-metastore.ts";

const CONTEXT = { signal: new AbortController().signal, token: undefined };
const on = createTestMetastore();

/** An answer, or a refusal that is the caller's fault: anything else would be a crash. */
async function survives(path: string, body: Uint8Array): Promise<void> {
  const route = on.rawRoutes.find((candidate) => candidate.path === path);
  const outcome = await route?.handle(body, CONTEXT).catch((error: unknown) => error);
  if (outcome instanceof Uint8Array) return;
  expect(outcome).toBeInstanceOf(GraftError);
  expect(["invalid-argument", "not-found", "rejected", "resource-exhausted"]).toContain(
    (outcome as GraftError).code,
  );
}

test("any bytes on any route are answered or refused, never a crash", async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const path = fc.constantFrom(...on.rawRoutes.map((route) => route.path));
  await fc.assert(fc.asyncProperty(path, bytes, survives), { numRuns: 500 });
});

test("a request with a few bytes turned over is answered or refused, never a crash", async () => {
  const page = { index: 1 as never, data: new Uint8Array(4096).fill(3) };
  const commit = fromCommitRequest(await inlineCommitOf(on, undefined, [page]));
  const vid = gidBytes(on.volumeId);
  const range = { inclusiveStart: 1n, inclusiveEnd: 2n };
  const requests: readonly (readonly [string, Uint8Array])[] = [
    ["/metastore/v1/commit", toBinary(CommitRequestSchema, commit)],
    [
      "/metastore/v1/pull_graft",
      toBinary(PullGraftRequestSchema, create(PullGraftRequestSchema, { vid, range })),
    ],
    [
      "/metastore/v1/pull_commits",
      toBinary(PullCommitsRequestSchema, create(PullCommitsRequestSchema, { vid, range })),
    ],
  ];
  const random = new SeededRandom(6);
  for (let run = 0; run < 1500; run++) {
    const [path, whole] = random.pick(requests);
    const bytes = whole.slice(0, random.chance(0.2) ? random.integer(1, whole.length) : undefined);
    for (let turn = random.integer(0, 3); turn > 0; turn--) {
      const at = random.integer(0, bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    }
    await survives(path, bytes);
  }
});

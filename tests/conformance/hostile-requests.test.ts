import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { encodePageSet, gidBytes, isGraftErrorCode, pageSetOf, toPageIndex } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { ErrorDetailSchema } from "@graft/proto-gen/common";
import {
  CommitRequestSchema,
  CreateVolumeRequestSchema,
  GetSnapshotRequestSchema,
  PullCommitsRequestSchema,
  PullGraftRequestSchema,
} from "@graft/proto-gen/metastore";
import { ReadPagesRequestSchema, WritePagesRequestSchema } from "@graft/proto-gen/pagestore";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages } from "../harness/pages.ts";

const INPUTS_PER_ROUTE = 400;
const METASTORE = "/graft.metastore.v1.MetastoreService";
const PAGESTORE = "/graft.pagestore.v1.PagestoreService";

interface Route {
  readonly path: string;
  readonly raw?: string;
  readonly schema: DescMessage;
  readonly valid: () => Record<string, unknown>;
}

describe("whatever is sent to a server", () => {
  let cluster: Cluster;
  let url = "";
  let vid = new Uint8Array(16);
  let cid = new Uint8Array(16);
  const set = encodePageSet(pageSetOf([toPageIndex(1), toPageIndex(300)]));
  const page = new Uint8Array(4096).fill(7);

  beforeAll(async () => {
    cluster = await Cluster.start({ network: "tcp" });
    url = cluster.url ?? "";
    const client = await cluster.openClient();
    const volume = await client.createVolume();
    commitPages(volume, { 1: 1, 2: 2 }, 2);
    await volume.push();
    vid = new Uint8Array(gidBytes(volume.volumeId));
    cid = new Uint8Array(gidBytes(client.clientId));
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const range = { inclusiveStart: 1n, inclusiveEnd: 9n };
  const routes: readonly Route[] = [
    {
      path: `${METASTORE}/CreateVolume`,
      schema: CreateVolumeRequestSchema,
      valid: () => ({ vid, pageSize: 4096 }),
    },
    {
      path: `${METASTORE}/GetSnapshot`,
      raw: "/metastore/v1/snapshot",
      schema: GetSnapshotRequestSchema,
      valid: () => ({ vid, lsn: 1n }),
    },
    {
      path: `${METASTORE}/PullGraft`,
      raw: "/metastore/v1/pull_graft",
      schema: PullGraftRequestSchema,
      valid: () => ({ vid, range }),
    },
    {
      path: `${METASTORE}/PullCommits`,
      raw: "/metastore/v1/pull_commits",
      schema: PullCommitsRequestSchema,
      valid: () => ({ vid, range, includeRecords: true }),
    },
    {
      path: `${METASTORE}/Commit`,
      raw: "/metastore/v1/commit",
      schema: CommitRequestSchema,
      valid: () => ({
        vid,
        cid,
        snapshotLsn: 1n,
        pageCount: 2,
        lowPageCount: 1,
        segments: [{ sid: new Uint8Array(16).fill(0xa0), graft: set, size: 9000n }],
        commitId: new Uint8Array(16),
        inlineFrames: [{ pageSet: set, codec: 1, hash: new Uint8Array(16), data: page }],
      }),
    },
    {
      path: `${PAGESTORE}/ReadPages`,
      raw: "/pagestore/v1/read_pages",
      schema: ReadPagesRequestSchema,
      valid: () => ({ vid, lsn: 1n, graft: set, byteBudget: 10 }),
    },
    {
      path: `${PAGESTORE}/WritePages`,
      raw: "/pagestore/v1/write_pages",
      schema: WritePagesRequestSchema,
      valid: () => ({ vid, pages: [{ pageidx: 1, data: page }], pageSize: 4096 }),
    },
  ];

  /** A valid message, whole, damaged, cut, or nothing like one. */
  function nextBody(route: Route, random: SeededRandom): Uint8Array<ArrayBuffer> {
    const valid = new Uint8Array(toBinary(route.schema, create(route.schema, route.valid())));
    const kind = random.integer(0, 9);
    if (kind === 0) return valid;
    if (kind === 1) return valid.slice(0, random.integer(0, valid.length));
    if (kind === 2) {
      const noise = new Uint8Array(random.integer(0, 300));
      random.fill(noise);
      return noise;
    }
    for (let flips = random.integer(1, 6); flips > 0; flips--) {
      const at = random.integer(0, Math.min(valid.length, 160) - 1);
      valid[at] = random.integer(0, 255);
    }
    return valid;
  }

  async function mustBeServing(): Promise<void> {
    const answer = await fetch(`${url}/healthz`);
    expect(answer.status).toBe(200);
  }

  it.each(routes)("$path answers with a code of the manual and goes on", async (route) => {
    const random = new SeededRandom(route.path.length);
    let refused = 0;
    for (let at = 0; at < INPUTS_PER_ROUTE; at++) {
      const answer = await fetch(url + route.path, {
        method: "POST",
        headers: { "content-type": "application/proto", "connect-protocol-version": "1" },
        body: nextBody(route, random),
      });
      const body = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 200) continue;
      refused++;
      const error = JSON.parse(new TextDecoder().decode(body)) as {
        code: string;
        message?: string;
        details?: { type: string; value: string }[];
      };
      // What is no protobuf at all never reaches our code: Connect refuses it as internal.
      const isUnparsable = error.message?.startsWith("parse binary") === true;
      expect(error.code === "internal", error.message).toBe(isUnparsable);
      const detail = error.details?.find(({ type }) => type === ErrorDetailSchema.typeName);
      if (detail === undefined) continue;
      const { code } = fromBinary(ErrorDetailSchema, Buffer.from(detail.value, "base64"));
      expect(isGraftErrorCode(code), code).toBe(true);
    }
    expect(refused).toBeGreaterThan(INPUTS_PER_ROUTE / 10);
    await mustBeServing();
  });

  it.each(routes.filter(({ raw }) => raw !== undefined))(
    "$raw answers in v0.1's own words and goes on",
    async (route) => {
      const random = new SeededRandom(route.path.length + 1);
      for (let at = 0; at < INPUTS_PER_ROUTE; at++) {
        const answer = await fetch(url + route.raw, {
          method: "POST",
          headers: { "content-type": "application/x-protobuf" },
          body: nextBody(route, random),
        });
        await answer.arrayBuffer();
        expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
        expect([200, 400, 404, 409, 503]).toContain(answer.status);
      }
      await mustBeServing();
    },
  );
});

/**
 * Who may do what: each call of both services, and each route of v0.1, with every right but the one
 * it needs. The calls are listed by type: one that is missing here does not compile.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  ACCESSES,
  type Access,
  METASTORE_RIGHTS,
  type MetastoreRpc,
  PAGESTORE_RIGHTS,
  type PagestoreRpc,
  RAW_ROUTE_RPCS,
} from "@graft/auth";
import {
  createClientId,
  createVolumeId,
  GraftError,
  gidBytes,
  isGraftError,
  PAGE_SIZE_DEFAULT,
  pageRange,
  toLsn,
  toPageCount,
  type VolumeId,
} from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { GraftErrSchema } from "@graft/proto-gen/common";
import {
  CommitRequestSchema,
  GetSnapshotRequestSchema,
  PullCommitsRequestSchema,
  PullGraftRequestSchema,
} from "@graft/proto-gen/metastore";
import { ReadPagesRequestSchema, WritePagesRequestSchema } from "@graft/proto-gen/pagestore";
import {
  fromCommitRequest,
  fromPullCommitsRequest,
  fromPullGraftRequest,
  fromReadPagesRequest,
  fromStreamPagesRequest,
  fromWatchRequest,
  fromWritePagesRequest,
  type GraftClients,
} from "@graft/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GuardedServers, scopeOf } from "../harness/guarded-servers.ts";

type Rpc = MetastoreRpc | PagestoreRpc;
/** One call about a volume, to its end; of a stream, its first message. */
type Call = (clients: GraftClients, volumeId: VolumeId) => Promise<unknown>;

const IDS = { clock: systemClock, random: systemRandom };
const RIGHTS: Readonly<Record<Rpc, Access>> = { ...METASTORE_RIGHTS, ...PAGESTORE_RIGHTS };
const range = { start: toLsn(1n) };
const lsn = toLsn(1n);
const pageSet = pageRange(1, 1);
const byteBudget = 4096;

const commitOf = (volumeId: VolumeId) =>
  fromCommitRequest({
    volumeId,
    clientId: createClientId(IDS),
    baseLsn: lsn,
    pageCount: toPageCount(1),
    lowPageCount: toPageCount(1),
    pageSize: PAGE_SIZE_DEFAULT,
    segments: [],
    inlineFrames: [],
  });
const writeOf = (volumeId: VolumeId) =>
  fromWritePagesRequest({
    volumeId,
    pageSize: PAGE_SIZE_DEFAULT,
    pages: [{ index: 1 as never, data: new Uint8Array(PAGE_SIZE_DEFAULT) }],
  });

const CALLS: Readonly<Record<Rpc, Call>> = {
  createVolume: ({ metastore }, id) =>
    metastore.createVolume({ vid: gidBytes(id), pageSize: 4096 }),
  getSnapshot: ({ metastore }, id) => metastore.getSnapshot({ vid: gidBytes(id) }),
  pullGraft: ({ metastore }, volumeId) =>
    metastore.pullGraft(fromPullGraftRequest({ volumeId, range })),
  pullCommits: ({ metastore }, volumeId) =>
    metastore.pullCommits(fromPullCommitsRequest({ volumeId, range, includeRecords: true })),
  commit: ({ metastore }, id) => metastore.commit(commitOf(id)),
  watch: ({ metastore }, volumeId) => {
    const request = { volumes: [{ volumeId }], heartbeatMs: 1000, omitPages: false };
    return firstOf(metastore.watch(fromWatchRequest(request)));
  },
  readPages: ({ pagestore }, volumeId) =>
    pagestore.readPages(fromReadPagesRequest({ volumeId, lsn, pageSet, byteBudget })),
  streamPages: ({ pagestore }, volumeId) =>
    firstOf(pagestore.streamPages(fromStreamPagesRequest({ volumeId, lsn, pageSet }))),
  writePages: ({ pagestore }, id) => pagestore.writePages(writeOf(id)),
};

const RAW_BODIES: Readonly<Record<string, (id: VolumeId) => Uint8Array>> = {
  "/metastore/v1/snapshot": (id) => encode(GetSnapshotRequestSchema, { vid: gidBytes(id) }),
  "/metastore/v1/pull_graft": (id) =>
    encode(PullGraftRequestSchema, { vid: gidBytes(id), range: { inclusiveStart: 1n } }),
  "/metastore/v1/pull_commits": (id) =>
    encode(PullCommitsRequestSchema, { vid: gidBytes(id), range: { inclusiveStart: 1n } }),
  "/metastore/v1/commit": (id) => toBinary(CommitRequestSchema, commitOf(id)),
  "/pagestore/v1/read_pages": (volumeId) =>
    toBinary(ReadPagesRequestSchema, fromReadPagesRequest({ volumeId, lsn, pageSet, byteBudget })),
  "/pagestore/v1/write_pages": (id) => toBinary(WritePagesRequestSchema, writeOf(id)),
};

let servers: GuardedServers;
/** There are pages in it. */
let existing: VolumeId;

beforeAll(async () => {
  servers = await GuardedServers.start();
  existing = await makeVolume();
});
afterAll(async () => await servers[Symbol.asyncDispose]());

/** A volume with one commit. */
async function makeVolume(): Promise<VolumeId> {
  const volumeId = createVolumeId(IDS);
  const { metastore } = servers.clients(servers.token({}));
  await metastore.commit({ ...commitOf(volumeId), snapshotLsn: undefined as never });
  return volumeId;
}

function encode<T extends DescMessage>(schema: T, init: MessageInitShape<T>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

async function firstOf(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message;
  return undefined;
}

const tokenOf = (volumes: string, ...access: readonly Access[]): string =>
  servers.token({ scopes: [scopeOf(volumes, ...access)] });
const others = (needed: Access): readonly Access[] =>
  ACCESSES.filter((one) => one !== needed && one !== "admin");

/** What a call was refused with; undefined: it was let in, whatever it answered then. */
async function refusal(call: Promise<unknown>): Promise<GraftError | undefined> {
  try {
    await call;
  } catch (error) {
    if (isGraftError(error, "permission-denied", "unauthenticated")) return error;
    if (!(error instanceof GraftError)) throw error;
  }
  return undefined;
}

const said = (error: GraftError | undefined, volumeId: VolumeId) =>
  error && {
    code: error.code,
    message: error.message.replaceAll(volumeId, "X"),
    details: JSON.stringify(error.details).replaceAll(volumeId, "X"),
  };

describe.each(Object.entries(CALLS))("%s", (rpc, call) => {
  const needed = RIGHTS[rpc as Rpc];

  test("is refused without its right, in the same words for what exists and what does not", async () => {
    const clients = servers.clients(tokenOf("*", ...others(needed)));
    const missing = createVolumeId(IDS);
    const one = await refusal(call(clients, existing));
    expect(one?.code).toBe("permission-denied");
    expect(said(one, existing)).toEqual(said(await refusal(call(clients, missing)), missing));
  });

  test.each(ACCESSES)("with nothing but %s is let in or not, as the table says", async (access) => {
    const volumeId = await makeVolume();
    const refused = await refusal(call(servers.clients(tokenOf(volumeId, access)), volumeId));
    expect(refused === undefined).toBe(access === needed || access === "admin");
  });

  test("is refused on a volume that the token does not name", async () => {
    const named = servers.clients(tokenOf(createVolumeId(IDS), ...ACCESSES));
    expect((await refusal(call(named, existing)))?.code).toBe("permission-denied");
    const prefix = `${existing.slice(0, -1)}${existing.endsWith("2") ? "3" : "2"}*`;
    const beside = servers.clients(tokenOf(prefix, ...ACCESSES));
    expect((await refusal(call(beside, existing)))?.code).toBe("permission-denied");
  });

  test("is unauthenticated without a token, with a stranger's, and with one that is over", async () => {
    const over = servers.token({ expiresMs: systemClock.nowMs() - 1 });
    const strange = `${servers.token({}).slice(0, -6)}AAAAAA`;
    for (const token of [undefined, over, strange, "v4.local."]) {
      const refused = await refusal(call(servers.clients(token), existing));
      expect(refused?.code).toBe("unauthenticated");
      expect(refused?.details.nothingWritten ?? true).toBe(true);
    }
  });

  test("is let in with a token of v0.1, which has no scopes", async () => {
    const clients = servers.clients(servers.token({ subject: "old" }));
    expect(await refusal(call(clients, await makeVolume()))).toBeUndefined();
  });
});

describe("the routes of v0.1", () => {
  test("are those of the table", () => {
    expect(Object.keys(RAW_BODIES).sort()).toEqual(Object.keys(RAW_ROUTE_RPCS).sort());
  });

  describe.each(Object.entries(RAW_ROUTE_RPCS))("%s", (path, rpc) => {
    const bodyOf = (volumeId: VolumeId): Uint8Array =>
      RAW_BODIES[path]?.(volumeId) ?? new Uint8Array(0);
    const answerOf = async (volumeId: VolumeId, token: string | undefined) => {
      const response = await servers.post(path, bodyOf(volumeId), token);
      const body = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, body };
    };

    test("is refused without its right: 401, the same for what exists and what does not", async () => {
      const token = tokenOf("*", ...others(RIGHTS[rpc]));
      const missing = createVolumeId(IDS);
      const one = await answerOf(existing, token);
      expect(one.status).toBe(401);
      const { code, message } = fromBinary(GraftErrSchema, one.body);
      const two = fromBinary(GraftErrSchema, (await answerOf(missing, token)).body);
      expect(code).toBe(4);
      expect(two.code).toBe(4);
      expect(two.message.replace(missing, "X")).toBe(message.replace(existing, "X"));
    });

    test("is refused without a token, and let in with its right", async () => {
      expect((await answerOf(existing, undefined)).status).toBe(401);
      expect((await answerOf(existing, "v4.local.")).status).toBe(401);
      const volumeId = await makeVolume();
      expect((await answerOf(volumeId, tokenOf(volumeId, RIGHTS[rpc]))).status).not.toBe(401);
    });
  });
});

test("a volume's first commit needs the right to make it, unless it is there", async () => {
  const volumeId = createVolumeId(IDS);
  const first = { ...commitOf(volumeId), snapshotLsn: undefined as never };
  const writer = servers.clients(tokenOf(volumeId, "write"));
  await expect(writer.metastore.commit(first)).rejects.toMatchObject({
    code: "permission-denied",
    details: { nothingWritten: true },
  });
  const maker = servers.clients(tokenOf(volumeId, "create"));
  await maker.metastore.createVolume({ vid: gidBytes(volumeId), pageSize: 4096 });
  expect((await writer.metastore.commit(first)).snapshot?.lsn).toBe(1n);
});

test("health is told to everybody", async () => {
  for (const url of Object.values(servers.urls)) {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const check = await fetch(`${url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(check.status).toBe(200);
  }
});

/**
 * A caller with a good token for one volume, and bad intentions: nothing outside its volume is
 * touched or learned. And what is told of tokens: nothing.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLocalKey, formatLocalKey } from "@graft/auth";
import {
  createClientId,
  createCommitId,
  createSegmentId,
  createVolumeId,
  GraftError,
  gidBytes,
  PAGE_SIZE_DEFAULT,
  type Page,
  pageRange,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { encodeFrame } from "@graft/format";
import {
  type CommitRequest,
  fromCommitRequest,
  fromPullCommitsRequest,
  fromPullGraftRequest,
  fromReadPagesRequest,
  fromWritePagesRequest,
  type GraftClients,
  type SegmentInfo,
  toPullCommitsAnswer,
  toPullGraftAnswer,
  toWritePagesAnswer,
} from "@graft/rpc";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GuardedServers, scopeOf } from "../harness/guarded-servers.ts";

const IDS = { clock: systemClock, random: systemRandom };
const SECRET = "the victim's own words";
let servers: GuardedServers;
/** It has pages of a segment, and pages inline, with the secret in both. */
let victim: VolumeId;
let victimSegment: SegmentInfo;
/** Volumes that the attacker may do everything with. */
let own: VolumeId;
let attacker: GraftClients;

beforeAll(async () => {
  servers = await GuardedServers.start();
  const all = servers.clients(servers.token({ subject: "operator" }));
  victim = createVolumeId(IDS);
  victimSegment = await upload(all, victim, pagesOf(SECRET, 1, 2));
  await all.metastore.commit(commitOf(victim, undefined, { segments: [victimSegment] }));
  const frame = await frameOf(victim, pagesOf(SECRET, 3));
  await all.metastore.commit(commitOf(victim, 1n, { inlineFrames: [frame] }));
  own = createVolumeId(IDS);
  attacker = servers.clients(servers.token({ scopes: [scopeOf(own, "read", "write", "create")] }));
  await attacker.metastore.commit(commitOf(own, undefined));
});
afterAll(async () => await servers[Symbol.asyncDispose]());

function pagesOf(text: string, ...indexes: readonly number[]): readonly Page[] {
  const data = new TextEncoder().encode(text.padEnd(PAGE_SIZE_DEFAULT));
  return indexes.map((index) => ({ index: toPageIndex(index), data }));
}

const frameOf = (volumeId: VolumeId, pages: readonly Page[]) =>
  encodeFrame(pages, { volumeId, pageSize: PAGE_SIZE_DEFAULT }, nodeCompute);

async function upload(
  { pagestore }: GraftClients,
  volumeId: VolumeId,
  pages: readonly Page[],
): Promise<SegmentInfo> {
  const request = fromWritePagesRequest({ volumeId, pageSize: PAGE_SIZE_DEFAULT, pages });
  const [segment] = toWritePagesAnswer(await pagestore.writePages(request));
  if (segment === undefined) throw new Error("a write of pages is a segment");
  return segment;
}

function commitOf(
  volumeId: VolumeId,
  base: bigint | undefined,
  change: Partial<CommitRequest> = {},
) {
  return fromCommitRequest({
    volumeId,
    clientId: createClientId(IDS),
    ...(base !== undefined && { baseLsn: toLsn(base) }),
    pageCount: toPageCount(3),
    lowPageCount: toPageCount(3),
    pageSize: PAGE_SIZE_DEFAULT,
    segments: [],
    inlineFrames: [],
    commitId: createCommitId(systemRandom),
    ...change,
  });
}

/** All files of the store but those of the attacker's volume, with what is in them. */
function othersFiles(): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  const entries = readdirSync(servers.storePath, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.includes(own) || path.endsWith("/head")) continue;
    files[path] = createHash("sha256").update(readFileSync(path)).digest("hex");
  }
  return files;
}

/** What a call is answered: its refusal, or everything it said. */
async function answerOf(call: Promise<unknown>): Promise<string> {
  try {
    const answer: unknown = await call;
    return JSON.stringify(answer, (_key, value: unknown) =>
      value instanceof Uint8Array
        ? Buffer.from(value).toString("latin1")
        : typeof value === "bigint"
          ? String(value)
          : value,
    );
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    return `${error.code}: ${error.message} ${JSON.stringify(error.details)}`;
  }
}

const answersOf = (calls: readonly Promise<unknown>[]) => Promise.all(calls.map(answerOf));

describe("a commit", () => {
  test("that names a segment of another volume is told that it does not exist", async () => {
    const before = othersFiles();
    const { segmentId, pageSet, sizeBytes } = victimSegment;
    const stranger = { segmentId: createSegmentId(IDS), pageSet };
    const sized = sizeBytes === undefined ? {} : { sizeBytes };
    const stolen = await answerOf(
      attacker.metastore.commit(
        commitOf(own, 1n, { segments: [{ segmentId, pageSet, ...sized }] }),
      ),
    );
    const invented = await answerOf(
      attacker.metastore.commit(commitOf(own, 1n, { segments: [stranger] })),
    );
    expect(stolen).toContain("not-found");
    expect(stolen.replaceAll(segmentId, "S")).toBe(invented.replaceAll(stranger.segmentId, "S"));
    const owned = { ...victimSegment, ownerVolumeId: victim };
    const openly = await answerOf(
      attacker.metastore.commit(commitOf(own, 1n, { segments: [owned] })),
    );
    expect(openly).toContain("invalid-argument");
    expect(othersFiles()).toEqual(before);
  });

  test("that carries another volume's frame, or another volume's id, is refused", async () => {
    const before = othersFiles();
    const foreign = await frameOf(victim, pagesOf("mine", 1));
    const carried = commitOf(own, 1n, { inlineFrames: [foreign] });
    expect(await answerOf(attacker.metastore.commit(carried))).toContain("invalid-argument");
    const aimed = commitOf(victim, 2n);
    expect(await answerOf(attacker.metastore.commit(aimed))).toContain("permission-denied");
    expect(othersFiles()).toEqual(before);
  });
});

describe("ids", () => {
  /** Sixteen bytes each: those of other kinds, a path, nothing, everything. */
  const crafted = (): readonly Uint8Array[] => [
    gidBytes(victimSegment.segmentId),
    gidBytes(createClientId(IDS)),
    new TextEncoder().encode("../../../etc/pas"),
    new TextEncoder().encode(`${victim.slice(0, 14)}/.`),
    new TextEncoder().encode(victim),
    new Uint8Array(16),
    new Uint8Array(16).fill(0xff),
    gidBytes(victim).slice(0, 15),
    new Uint8Array([...gidBytes(own), 0]),
    new Uint8Array(0),
  ];

  test("of another kind, of another size, and paths are refused before anything is looked at", async () => {
    const before = othersFiles();
    for (const vid of crafted()) {
      const calls = [
        attacker.metastore.getSnapshot({ vid }),
        attacker.metastore.createVolume({ vid, pageSize: 4096 }),
        attacker.metastore.commit({ ...commitOf(own, 1n), vid }),
        attacker.pagestore.readPages({ vid, lsn: 1n, graft: new Uint8Array(0) }),
        attacker.pagestore.writePages({ vid, pages: [] }),
      ];
      for (const answer of await answersOf(calls)) expect(answer).toMatch(/^invalid-argument/);
    }
    expect(othersFiles()).toEqual(before);
  });

  test("near the victim's own do not lead to it", async () => {
    const near = gidBytes(victim);
    for (let bit = 8; bit < 128; bit += 3) {
      const vid = near.slice();
      vid[bit >> 3] = (vid[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await answerOf(attacker.metastore.getSnapshot({ vid }))).toMatch(/^permission-denied/);
    }
  });
});

describe("requests that are turned over bit by bit", () => {
  test("touch no file of others, and answer nothing of theirs", async () => {
    const before = othersFiles();
    const random = new SeededRandom(34);
    const segment = await upload(attacker, own, pagesOf("mine", 1, 2));
    const commit = commitOf(own, 1n, { segments: [segment, victimSegment] });
    const read = fromReadPagesRequest({
      volumeId: own,
      lsn: toLsn(1n),
      pageSet: pageRange(1, 3),
      byteBudget: 100_000,
    });
    const flip = (bytes: Uint8Array): Uint8Array => {
      const copy = bytes.slice();
      const at = random.integer(0, Math.max(0, copy.length - 1));
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
      return copy;
    };
    for (let round = 0; round < 60; round++) {
      const [first, second] = commit.segments;
      if (first === undefined || second === undefined) throw new Error("there are two");
      const calls = [
        attacker.metastore.commit({ ...commit, vid: flip(commit.vid) }),
        attacker.metastore.commit({
          ...commit,
          segments: [{ ...first, graft: flip(first.graft) }],
        }),
        attacker.metastore.commit({ ...commit, segments: [{ ...second, sid: flip(second.sid) }] }),
        attacker.pagestore.readPages({ ...read, vid: flip(gidBytes(victim)) }),
        attacker.pagestore.readPages({ ...read, graft: flip(read.graft) }),
      ];
      for (const answer of await answersOf(calls)) expect(answer).not.toContain(SECRET);
    }
    expect(othersFiles()).toEqual(before);
  });
});

describe("what one caller has read", () => {
  test("is not answered from a cache to one who may not", async () => {
    const allowed = servers.clients(servers.token({ scopes: [scopeOf(victim, "read")] }));
    const request = fromReadPagesRequest({
      volumeId: victim,
      lsn: toLsn(2n),
      pageSet: pageRange(1, 3),
      byteBudget: 100_000,
    });
    for (let times = 0; times < 2; times++) {
      expect(await answerOf(allowed.pagestore.readPages(request))).toContain(SECRET);
      const answer = await answerOf(attacker.pagestore.readPages(request));
      expect(answer).toMatch(/^permission-denied/);
      expect(answer).not.toContain(SECRET);
    }
  });

  test("is asked of the MetaStore with the caller's own token, not with a better one", async () => {
    const key = createLocalKey(systemRandom);
    await using apart = await GuardedServers.start(key);
    const everything = apart.clients(apart.token({}));
    const volumeId = createVolumeId(IDS);
    await everything.metastore.commit(commitOf(volumeId, undefined));
    // The PageStore believes this one; the MetaStore does not.
    const half = apart.clients(apart.token({}, key));
    const request = fromReadPagesRequest({
      volumeId,
      lsn: toLsn(1n),
      pageSet: pageRange(1, 1),
      byteBudget: 4096,
    });
    await expect(half.pagestore.readPages(request)).rejects.toMatchObject({
      code: "unauthenticated",
    });
    await everything.pagestore.readPages(request);
  });
});

describe("limits of a token", () => {
  test("on LSNs: the latest is the bound, what is above it is refused, there or not", async () => {
    const scopes = [{ ...scopeOf(victim, "read"), maxLsn: toLsn(1n) }];
    const { metastore, pagestore } = servers.clients(servers.token({ scopes }));
    const vid = gidBytes(victim);
    expect((await metastore.getSnapshot({ vid })).snapshot?.lsn).toBe(1n);
    const range = { start: toLsn(1n) };
    const pulled = toPullGraftAnswer(
      await metastore.pullGraft(fromPullGraftRequest({ volumeId: victim, range })),
    );
    expect(pulled.snapshot.lsn).toBe(1n);
    const { commits } = toPullCommitsAnswer(
      await metastore.pullCommits(
        fromPullCommitsRequest({ volumeId: victim, range, includeRecords: true }),
      ),
    );
    expect(commits.map((one) => one.snapshot.lsn)).toEqual([1n]);
    const newer = fromPullGraftRequest({ volumeId: victim, range: { start: toLsn(2n) } });
    expect(toPullGraftAnswer(await metastore.pullGraft(newer)).changes).toBeUndefined();
    const above = await Promise.all(
      [2n, 3n, 99n].map(async (lsn) => {
        const read = fromReadPagesRequest({
          volumeId: victim,
          lsn: toLsn(lsn),
          pageSet: pageRange(1, 1),
          byteBudget: 4096,
        });
        const answers = [
          await answerOf(metastore.getSnapshot({ vid, lsn })),
          await answerOf(pagestore.readPages(read)),
        ];
        return answers.map((answer) =>
          answer.replace(`LSN ${lsn},`, "LSN N,").replace(`"lsn":"${lsn}"`, '"lsn":"N"'),
        );
      }),
    );
    expect(new Set(above.flat()).size).toBe(1);
    expect(above[0]?.[0]).toMatch(/^permission-denied/);
  });

  test("on bytes: what is beyond them is not stored", async () => {
    const maxBytes = 3 * PAGE_SIZE_DEFAULT;
    const scopes = [{ ...scopeOf(own, "write"), maxBytes }];
    const writer = servers.clients(servers.token({ scopes }));
    await upload(writer, own, pagesOf("a", 1, 2));
    await expect(upload(writer, own, pagesOf("a", 1, 2))).rejects.toMatchObject({
      code: "resource-exhausted",
    });
    await upload(writer, own, pagesOf("a", 1));
  });
});

test("a PageStore that asks for no token does not start beside a MetaStore that does", async () => {
  const { servePagestore } = await import("@graft/pagestore");
  const { nodeFileSystem } = await import("@graft/core/node");
  const { silentLog } = await import("@graft/rpc");
  const means = {
    clock: systemClock,
    random: systemRandom,
    compute: nodeCompute,
    fileSystem: nodeFileSystem,
    env: {},
    log: silentLog,
  };
  const config = {
    host: "127.0.0.1",
    port: 0,
    storeUrl: `file:${servers.storePath}`,
    metastoreUrl: servers.urls.metastore,
    frameCacheSize: 1024 * 1024,
    logLevel: "silent",
  } as const;
  await expect(servePagestore(config, means)).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining("same keys"),
  });
});

test("no log of a whole session, with errors, holds a token or a key", async () => {
  const good = servers.token({ subject: "whole session" });
  const over = servers.token({ expiresMs: 1 });
  const readOnly = servers.token({ scopes: [scopeOf("*", "read")] });
  const forged = `${good.slice(0, -8)}AAAAAAAA`;
  const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtYWxsb3J5In0.c2lnbmF0dXJl";
  await using db = await openDatabase({ url: servers.urls, token: good, sync: "manual" });
  await db.exec("create table note(id integer primary key, text)");
  await db.push();
  const volume = db.volume.volumeId;
  for (const token of [over, forged, readOnly, jwt, "", "nonsense-token-of-somebody"]) {
    const url = servers.urls;
    await openDatabase({ url, token, volume, sync: "manual" })
      .then(async (other) => {
        await other.exec("insert into note(text) values ('x')").catch(() => undefined);
        await other.push().catch(() => undefined);
        await other.close();
      })
      .catch(() => undefined);
    await servers.post("/metastore/v1/snapshot", new Uint8Array(3), token);
    await servers.post("/pagestore/v1/read_pages", new Uint8Array(3), token);
  }
  expect(servers.logged.length).toBeGreaterThan(1000);
  expect(servers.logged).toContain("expired");
  for (const token of [good, over, readOnly, forged, jwt, "nonsense-token-of-somebody"]) {
    expect(servers.logged).not.toContain(token.slice(0, 60));
    expect(servers.logged).not.toContain(token.slice(12, 40));
  }
  expect(servers.logged).not.toContain(formatLocalKey(servers.key));
  for (const url of Object.values(servers.urls)) {
    expect(await (await fetch(`${url}/metrics`)).text()).not.toContain(good.slice(9, 40));
  }
});

import { parseVolumeId, toLsn } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import {
  checkpointRootKey,
  commitRecordHash,
  encodeCommitRecord,
  encodeHeadHint,
  headKey,
  logKey,
  segmentKey,
  volumeKey,
  volumePrefix,
} from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { beforeEach, describe, expect, it } from "vitest";
import { BuiltVolume } from "../../testing/built-volume.ts";
import type { Finding } from "../finding.ts";
import { checkVolume, type VolumeSummary } from "./check-volume.ts";

let store: MemoryObjectStore;
let volume: BuiltVolume;

beforeEach(async () => {
  store = new MemoryObjectStore();
  volume = await BuiltVolume.build(store);
});

async function check(
  isQuick = false,
): Promise<{ readonly findings: readonly Finding[]; readonly summary: VolumeSummary }> {
  const findings: Finding[] = [];
  const summary = await checkVolume(volume.volumeId, {
    store,
    compute,
    signal: new AbortController().signal,
    report: (finding) => void findings.push(finding),
    onRead: () => undefined,
    isQuick,
  });
  return { findings, summary };
}

async function damage(): Promise<readonly string[]> {
  const { findings } = await check();
  return findings
    .filter(({ severity }) => severity === "damage")
    .map(({ object, condition }) => `${object}: ${condition}`);
}

async function keys(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(volumePrefix(volume.volumeId))) found.push(key);
  return found.sort();
}

async function bytesOf(key: string): Promise<Uint8Array> {
  const stored = await store.get(key);
  if (stored === undefined) throw new Error(`${key} is missing`);
  return stored.bytes.slice();
}

async function flip(key: string, at: number): Promise<void> {
  const bytes = await bytesOf(key);
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  await store.put(key, bytes);
}

const log = (lsn: bigint): string => logKey(volume.volumeId, toLsn(lsn));

describe("fsck of a healthy volume", () => {
  it("finds nothing, and says what it looked at", async () => {
    const { findings, summary } = await check();
    expect(findings).toEqual([]);
    expect(summary).toMatchObject({
      firstLsn: 1n,
      headLsn: 8n,
      commits: 8,
      pageSize: 512,
      checkpoints: 2,
      orphans: 0,
    });
    expect(summary.segments).toBe(volume.segmentIds.length);
    expect(summary.pages).toBe(111);
  });

  it("finds nothing without reading pages either", async () => {
    expect((await check(true)).findings).toEqual([]);
  });

  it("finds nothing when the log begins after a checkpoint", async () => {
    for (const lsn of [1n, 2n, 3n, 4n, 5n]) await store.delete(log(lsn));
    expect((await check()).findings).toEqual([]);
    await store.delete(log(6n));
    const { findings, summary } = await check();
    expect(findings).toEqual([]);
    expect(summary).toMatchObject({ firstLsn: 7n, pages: 111 });
  });

  it("lists what nobody names, which is no damage", async () => {
    const orphan = segmentKey(volume.volumeId, volume.segmentIds[0] as never).replace(/..$/, "zz");
    await store.put(orphan, new Uint8Array(9));
    await store.put(`${volumePrefix(volume.volumeId)}what/is/this`, new Uint8Array(1));
    const { findings, summary } = await check();
    expect(summary.orphans).toBe(1);
    expect(findings.map(({ severity, object }) => [severity, object])).toEqual([
      ["note", orphan],
      ["note", `${volumePrefix(volume.volumeId)}what/is/this`],
    ]);
  });
});

describe("fsck finds", () => {
  it("one flipped bit anywhere in any object", async () => {
    for (const key of await keys()) {
      if (key === headKey(volume.volumeId)) continue;
      const { length } = await bytesOf(key);
      const step = Math.max(1, Math.floor(length / 23));
      for (let at = 0; at < length; at += step) {
        await flip(key, at);
        const found = await damage();
        expect(found.join("\n"), `${key} at ${at}`).toContain(key);
        await flip(key, at);
      }
    }
    expect(await damage()).toEqual([]);
  }, 60_000);

  it("each object that is missing, except the hint", async () => {
    for (const key of await keys()) {
      if (key === headKey(volume.volumeId)) continue;
      const bytes = await bytesOf(key);
      await store.delete(key);
      expect(await damage(), key).not.toEqual([]);
      await store.put(key, bytes);
    }
  });

  it("a missing segment, and which pages cannot be read", async () => {
    const key = segmentKey(volume.volumeId, volume.segmentIds[0] as never);
    await store.delete(key);
    expect(await damage()).toEqual([
      `${key}: missing; ${log(1n)} names it: pages 1-130 cannot be read`,
    ]);
  });

  it("a segment of another size, and one in the place of another", async () => {
    const [first, second] = volume.segmentIds.map((id) => segmentKey(volume.volumeId, id));
    const bytes = await bytesOf(first ?? "");
    await store.put(first ?? "", bytes.subarray(0, -1));
    expect(await damage()).toEqual([
      `${first}: expected ${bytes.length} bytes, as ${log(1n)} says, got ${bytes.length - 1}`,
    ]);
    await store.put(first ?? "", await bytesOf(second ?? ""));
    expect((await damage()).join()).toContain(`${first}: expected ${bytes.length} bytes`);
  });

  it("two frames that were swapped", async () => {
    const key = segmentKey(volume.volumeId, volume.segmentIds[0] as never);
    const bytes = await bytesOf(key);
    const size = 64 * 512;
    const [one, two] = [bytes.slice(8, 8 + size), bytes.slice(8 + size, 8 + 2 * size)];
    bytes.set(two, 8);
    bytes.set(one, 8 + size);
    await store.put(key, bytes);
    expect(await damage()).toEqual([
      `${key}: at offset 8: frame of pages 1 … 64: its hash does not match`,
      `${key}: at offset ${8 + size}: frame of pages 65 … 128: its hash does not match`,
    ]);
  });

  it("a record that was taken out of the middle of the log", async () => {
    await store.delete(log(5n));
    expect(await damage()).toEqual([`${log(5n)}: missing: the log goes on at LSN 6`]);
  });

  it("a record that was taken off the end of the log", async () => {
    await store.delete(log(8n));
    expect(await damage()).toEqual([
      `${headKey(volume.volumeId)}: it says LSN 8, the newest record is LSN 7`,
    ]);
  });

  it("records that were taken off the front without a checkpoint for them", async () => {
    await store.delete(log(1n));
    await store.delete(log(2n));
    expect((await damage())[0]).toBe(
      `${log(2n)}: missing: LSNs 1 … 2 are not there, and no checkpoint at LSN 2 or 3 stands for them`,
    );
  });

  it("a record that another one was put in the place of, by the parent hash after it", async () => {
    const record = volume.records[6];
    if (record === undefined) throw new Error("there is a seventh record");
    const other = encodeCommitRecord({ ...record, timestampMs: record.timestampMs + 1 }, compute);
    await store.put(log(7n), other);
    const hash = Buffer.from(commitRecordHash(other, compute).subarray(0, 8)).toString("hex");
    const [found, ...more] = await damage();
    expect(more).toEqual([]);
    expect(found).toContain(`${log(8n)}: its parent hash is `);
    expect(found).toContain(`the record at LSN 7 has ${hash}…: one of the two was replaced`);
  });

  it("a tail index that points at the wrong commit, and one that forgot a page", async () => {
    const record = volume.records[7];
    const tail = record?.tailIndex;
    if (record === undefined || tail === undefined) throw new Error("there is a tail index");
    const forgetful = { ...tail, commits: tail.commits.slice(1) };
    await store.put(log(8n), encodeCommitRecord({ ...record, tailIndex: forgetful }, compute));
    expect((await damage()).join()).toContain("its tail index names");
    const shrinks = [{ lsn: toLsn(7n), lowPageCount: record.pageCount }];
    await store.put(
      log(8n),
      encodeCommitRecord({ ...record, tailIndex: { ...tail, shrinks } }, compute),
    );
    expect(await damage()).toEqual([
      `${log(8n)}: its tail index: expected the shrinks none, got 7:118`,
    ]);
  });

  it("a checkpoint that the records do not mean", async () => {
    const root = checkpointRootKey(volume.volumeId, toLsn(6n));
    await store.put(checkpointRootKey(volume.volumeId, toLsn(4n)), await bytesOf(root));
    const found = (await damage()).join("\n");
    expect(found).toContain("expected LSN 4, got 6");
    expect(found).toContain("the checkpoint at LSN 4, which it names, has another hash");
  });

  it("an inline page that a checkpoint moved as another one, though every hash is right", async () => {
    for (const [moved, lsn] of [
      [5, 2],
      [1, 3],
      [3, 6],
    ]) {
      store = new MemoryObjectStore();
      volume = await BuiltVolume.build(store, (page) =>
        page.index === moved ? { ...page, data: page.data.toReversed() } : page,
      );
      expect((await check(true)).findings).toEqual([]);
      const [found, ...more] = await damage();
      expect(more).toEqual([]);
      const root = checkpointRootKey(volume.volumeId, toLsn(lsn === 6 ? 6n : 4n));
      const what = `page ${moved}, which ${root} moved there from LSN ${lsn}`;
      expect(found).toContain(`${what}, is not what that commit wrote`);
    }
  });

  it("a hint above the head, and warns of one that is stale or none", async () => {
    const key = headKey(volume.volumeId);
    await store.put(key, encodeHeadHint(toLsn(9n)));
    expect(await damage()).toEqual([`${key}: it says LSN 9, the newest record is LSN 8`]);
    await store.put(key, encodeHeadHint(toLsn(2n)));
    expect((await check()).findings).toMatchObject([{ severity: "warning", object: key }]);
    await store.put(key, new Uint8Array(3));
    expect((await check()).findings).toMatchObject([{ severity: "warning", object: key }]);
    await store.delete(key);
    expect((await check()).findings).toMatchObject([{ severity: "note", object: key }]);
  });

  it("a volume that is not there", async () => {
    volume = Object.create(volume, {
      volumeId: { value: parseVolumeId("GonvGv4etoC2egsogSKQet") },
    }) as BuiltVolume;
    expect(await damage()).toEqual([
      `${volumeKey(volume.volumeId)}: missing: a volume begins with its record`,
    ]);
  });
});

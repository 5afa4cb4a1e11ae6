/** Transfers that are interrupted, by the calls that the second run makes. */
import type { Interceptor } from "@connectrpc/connect";
import type { Runtime, Volume } from "@graft/client";
import {
  type Clock,
  GraftError,
  type Page,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute, systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { volumePrefix } from "@graft/format";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags, tagPage } from "../harness/pages.ts";

const PAGE_SIZE = toPageSize(65_536);
/** Pages of a part: 3.75 MiB. */
const PART = 60;
const PARTS = 5;
const PAGE_COUNT = PART * PARTS;
const HOUR_MS = 60 * 60 * 1000;

/** A client of a data directory that can be closed and opened again, and whose uploads count. */
class Subject {
  /** Hours that everybody's clock is ahead. */
  hours = 0;
  readonly clock: Clock = {
    nowMs: () => systemClock.nowMs() + this.hours * HOUR_MS,
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
  readonly disk: SimulatedDisk;
  readonly cluster: Promise<Cluster>;
  uploads = 0;
  /** Called when an upload was answered. */
  onUploaded: () => void = () => undefined;
  /** Whether the answer of a commit is lost. */
  losesCommits = false;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.disk = new SimulatedDisk({ random });
    this.cluster = Cluster.start({ network: "memory", random, clock: this.clock });
  }

  async open(): Promise<Runtime> {
    const directory = { path: "/data", fileSystem: this.disk };
    this.uploads = 0;
    return (await this.cluster).openClient({ directory, interceptors: [this.#count] });
  }

  readonly #count: Interceptor = (next) => async (request) => {
    const answer = await next(request);
    if (request.method.name === "WritePages") {
      this.uploads++;
      this.onUploaded();
    }
    if (request.method.name === "Commit" && this.losesCommits) {
      throw new GraftError("unavailable", "the answer was lost");
    }
    return answer;
  };

  /** Aborts when so many uploads were answered. */
  abortAfter(count: number): AbortSignal {
    const abort = new AbortController();
    this.onUploaded = () => {
      if (this.uploads === count) abort.abort();
    };
    return abort.signal;
  }
}

const TAGS = Object.fromEntries(Array.from({ length: PAGE_COUNT }, (_, at) => [at + 1, at + 1]));

/** A push that was interrupted when three of five parts had arrived. */
async function interruptPush(subject: Subject): Promise<Volume["volumeId"]> {
  const client = await subject.open();
  const volume = await client.createVolume({ pageSize: PAGE_SIZE });
  commitPages(volume, TAGS, PAGE_COUNT);
  const signal = subject.abortAfter(3);
  await expect(volume.push({ signal })).rejects.toMatchObject({ name: "AbortError" });
  await client.close();
  return volume.volumeId;
}

async function expectPushed(subject: Subject, volume: Volume, uploads: number): Promise<void> {
  expect(await volume.push()).toMatchObject({ kind: "pushed", lsn: 1n, pageCount: PAGE_COUNT });
  expect(subject.uploads).toBe(uploads);
  const replica = await (await (await subject.cluster).openClient()).openVolume(volume.volumeId);
  expect(await readTags(replica)).toEqual(Object.values(TAGS));
}

describe("a push that was interrupted", () => {
  it("sends the parts that had not arrived, in one commit", async () => {
    const subject = new Subject(1);
    const volumeId = await interruptPush(subject);
    const volume = await (await subject.open()).openVolume(volumeId);
    expect(volume.status().local.pending).toBe(1);
    await expectPushed(subject, volume, PARTS - 3);
    await (await subject.cluster)[Symbol.asyncDispose]();
  });

  it("sends all of them a day later: no commit would take the old ones", async () => {
    const subject = new Subject(2);
    const volumeId = await interruptPush(subject);
    subject.hours = 24;
    const volume = await (await subject.open()).openVolume(volumeId);
    await expectPushed(subject, volume, PARTS);
    await (await subject.cluster)[Symbol.asyncDispose]();
  });

  it("sends those again that are gone when the commit looks for them", async () => {
    const subject = new Subject(3);
    const volumeId = await interruptPush(subject);
    const { store } = await subject.cluster;
    for await (const { key } of store.list(`${volumePrefix(volumeId)}segments/`)) {
      await store.delete(key);
      break;
    }
    const volume = await (await subject.open()).openVolume(volumeId);
    expect(await volume.push()).toMatchObject({ kind: "pushed", lsn: 1n });
    expect(subject.uploads).toBeLessThanOrEqual(PARTS - 3 + 1);
    const replica = await (await (await subject.cluster).openClient()).openVolume(volumeId);
    expect(await readTags(replica)).toEqual(Object.values(TAGS));
    await (await subject.cluster)[Symbol.asyncDispose]();
  });
});

/** A source of tagged pages; `changed` have other bytes. */
function requestOf(changed: readonly number[] = []): Parameters<Runtime["importVolume"]>[0] {
  const pages: Page[] = Array.from({ length: PAGE_COUNT }, (_, at) => ({
    index: toPageIndex(at + 1),
    data: tagPage(PAGE_SIZE, changed.includes(at + 1) ? 7_000 + at : at + 1),
  }));
  const pageCount = toPageCount(PAGE_COUNT);
  return { pageSize: PAGE_SIZE, pageCount, pages, tag: "t", compute: nodeCompute };
}

async function interruptImport(subject: Subject): Promise<void> {
  const client = await subject.open();
  const signal = subject.abortAfter(3);
  const importing = client.importVolume({ ...requestOf(), signal });
  await expect(importing).rejects.toMatchObject({ name: "AbortError" });
  expect(client.tags.size).toBe(0);
  await client.close();
}

describe("an import that was interrupted", () => {
  it("sends the parts that had not arrived, into the same volume", async () => {
    const subject = new Subject(4);
    await interruptImport(subject);
    const client = await subject.open();
    const { volume } = await client.importVolume(requestOf());
    expect(subject.uploads).toBe(PARTS - 3);
    expect(client.tags.get("t")).toBe(volume.volumeId);
    expect(await readTags(volume)).toEqual(Object.values(TAGS));
    await (await subject.cluster)[Symbol.asyncDispose]();
  });

  it("sends parts again that were changed meanwhile", async () => {
    const subject = new Subject(5);
    await interruptImport(subject);
    const { volume } = await (await subject.open()).importVolume(requestOf([3]));
    expect(subject.uploads).toBe(PARTS - 3 + 1);
    expect((await readTags(volume)).slice(0, 4)).toEqual([1, 2, 7_002, 4]);
    await (await subject.cluster)[Symbol.asyncDispose]();
  });

  it("sends everything a day later", async () => {
    const subject = new Subject(6);
    await interruptImport(subject);
    subject.hours = 24;
    const { volume } = await (await subject.open()).importVolume(requestOf());
    expect(subject.uploads).toBe(PARTS);
    expect(await readTags(volume)).toEqual(Object.values(TAGS));
    await (await subject.cluster)[Symbol.asyncDispose]();
  });

  it.each([
    ["unchanged: it is the volume that may be there", [], true],
    ["changed: it is another volume, for the first may hold what was", [3], false],
  ] as const)("when nobody knows of its commit, and now is %s", async (_, changed, isSame) => {
    const subject = new Subject(7);
    subject.losesCommits = true;
    const client = await subject.open();
    const error: unknown = await client.importVolume(requestOf()).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "unavailable" });
    const { details } = error as GraftError;
    await client.close();
    subject.losesCommits = false;
    const { volume } = await (await subject.open()).importVolume(requestOf(changed));
    expect(volume.volumeId === details.volume).toBe(isSame);
    expect((await readTags(volume))[2]).toBe(isSame ? 3 : 7_002);
    await (await subject.cluster)[Symbol.asyncDispose]();
  });
});

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  createVolumeId,
  decodePageSet,
  encodePageSet,
  gidBytes,
  MutablePageSet,
  PAGE_SIZE_DEFAULT,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import {
  ReadPagesRequestSchema,
  ReadPagesResponseSchema,
  StreamPagesResponseSchema,
  WritePagesRequestSchema,
  WritePagesResponseSchema,
} from "@graft/proto-gen/pagestore";
import { createPagestoreClient, type PagestoreClient, type RawRoute } from "@graft/rpc";
import { createInMemoryTransport } from "@graft/rpc/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { createHarness, type Harness } from "../testing/harness.ts";

let harness: Harness;
let client: PagestoreClient;

beforeEach(() => {
  harness = createHarness();
  client = createPagestoreClient(
    createInMemoryTransport(harness.routes, { clock: new SimulatedClock() }),
  );
});

function content(index: number, size = 4096): Uint8Array {
  return new Uint8Array(size).fill(index % 251);
}

function contents(first: number, last: number, size = 4096): Map<number, Uint8Array> {
  const map = new Map<number, Uint8Array>();
  for (let index = first; index <= last; index++) map.set(index, content(index, size));
  return map;
}

function set(...indexes: readonly number[]): Uint8Array {
  return encodePageSet(MutablePageSet.from(indexes));
}

function span(first: number, last: number): Uint8Array {
  return encodePageSet(MutablePageSet.fromRange(first, last));
}

function vid(): Uint8Array {
  return gidBytes(harness.volume.volumeId);
}

function covered(bytes: Uint8Array): readonly number[] {
  return [...decodePageSet(bytes, "corrupt")];
}

describe("ReadPages", () => {
  it("answers what exists, ascending, and covers what does not", async () => {
    await harness.volume.commit({ pages: contents(1, 3), pageCount: 5 });
    const answer = await client.readPages({ vid: vid(), lsn: 1n, graft: set(1, 3, 4, 9) });
    expect(answer.pages.map(({ pageidx }) => pageidx)).toEqual([1, 3]);
    expect(answer.pages[1]?.data).toEqual(content(3));
    expect(covered(answer.covered)).toEqual([1, 3, 4, 9]);
  });

  it("stays below 3 MiB unless it is asked for more, and below 8 MiB always", async () => {
    await harness.volume.commit({
      pages: contents(1, 1024),
      pageCount: 1024,
      placement: { segments: 1 },
    });
    const ask = { vid: vid(), lsn: 1n, graft: span(1, 1024) };
    const byDefault = await client.readPages(ask);
    expect(byDefault.pages).toHaveLength(768);
    expect(covered(byDefault.covered)).toHaveLength(768);
    const rest = await client.readPages({ ...ask, graft: span(769, 1024) });
    expect(rest.pages).toHaveLength(256);
    const most = await client.readPages({ ...ask, byteBudget: 0xffff_ffff });
    expect(most.pages).toHaveLength(1024);
    expect(toBinary(ReadPagesResponseSchema, most).length).toBeLessThan(8 * 1024 * 1024);
  });

  it("answers one page of the greatest size on a budget of nothing", async () => {
    const volume = harness.createVolume(toPageSize(65_536));
    await volume.commit({ pages: contents(1, 2, 65_536), pageCount: 2 });
    const graft = set(1, 2);
    const ask = { vid: gidBytes(volume.volumeId), lsn: 1n, graft, byteBudget: 0 };
    const answer = await client.readPages(ask);
    expect(answer.pages.map(({ pageidx }) => pageidx)).toEqual([1]);
    expect(covered(answer.covered)).toEqual([1]);
  });

  it("adds what the hint names when there is room", async () => {
    await harness.volume.commit({ pages: contents(1, 9), pageCount: 9 });
    const prefetch = { graft: set(2, 3, 4, 4_294_967_294) };
    const ask = { vid: vid(), lsn: 1n, graft: set(1), prefetch, byteBudget: 3 * 4096 };
    const answer = await client.readPages(ask);
    expect(answer.pages.map(({ pageidx }) => pageidx)).toEqual([1, 2, 3]);
  });

  it("looks at a hint of a hundred million pages without trouble", async () => {
    await harness.volume.commit({ pages: contents(1, 2), pageCount: 2 });
    const prefetch = { graft: span(1, 100_000_000) };
    const answer = await client.readPages({ vid: vid(), lsn: 1n, graft: set(1), prefetch });
    expect(answer.pages.map(({ pageidx }) => pageidx)).toEqual([1, 2]);
  });

  it("answers an empty request with nothing, once the snapshot is known to exist", async () => {
    await harness.volume.commit({ pages: contents(1, 1), pageCount: 1 });
    const answer = await client.readPages({ vid: vid(), lsn: 1n, graft: set() });
    expect(answer.pages).toEqual([]);
    expect(covered(answer.covered)).toEqual([]);
    await refuses(client.readPages({ vid: vid(), lsn: 2n, graft: set() }), "not-found");
  });

  it("keeps a snapshot as it was when newer commits arrive", async () => {
    await harness.volume.commit({ pages: contents(1, 2), pageCount: 2 });
    await harness.volume.commit({ pages: new Map([[1, content(77)]]), pageCount: 1 });
    const old = await client.readPages({ vid: vid(), lsn: 1n, graft: set(1, 2) });
    expect(old.pages.map(({ data }) => data[0])).toEqual([1, 2]);
    const now = await client.readPages({ vid: vid(), lsn: 2n, graft: set(1, 2) });
    expect(now.pages.map(({ pageidx, data }) => [pageidx, data[0]])).toEqual([[1, 77]]);
  });

  it("refuses what it cannot answer, and goes on", async () => {
    await harness.volume.commit({ pages: contents(1, 1), pageCount: 1 });
    const good = { vid: vid(), lsn: 1n, graft: set(1) };
    const stranger = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(5) });
    await refuses(client.readPages({ ...good, vid: gidBytes(stranger) }), "not-found");
    await refuses(client.readPages({ ...good, lsn: 2n }), "not-found");
    await refuses(client.readPages({ ...good, lsn: 0xffff_ffff_ffff_ffffn }), "not-found");
    await refuses(client.readPages({ ...good, lsn: 0n }), "invalid-argument");
    await refuses(client.readPages({ ...good, vid: new Uint8Array(3) }), "invalid-argument");
    await refuses(client.readPages({ ...good, graft: set(0) }), "invalid-argument");
    await refuses(client.readPages({ ...good, graft: span(1, 1025) }), "invalid-argument");
    await refuses(client.readPages({ ...good, graft: Uint8Array.of(1, 2) }), "invalid-argument");
    expect((await client.readPages(good)).pages).toHaveLength(1);
  });
});

describe("StreamPages", () => {
  it("brings every page of the snapshot in ascending order, covering each index once", async () => {
    await harness.volume.commit({
      pages: contents(1, 700),
      pageCount: 1000,
      placement: { segments: 3 },
    });
    await harness.volume.commit({ pages: new Map([[650, content(9)]]), pageCount: 1000 });
    const indexes: number[] = [];
    const all: number[] = [];
    let answers = 0;
    for await (const answer of client.streamPages({ vid: vid(), lsn: 2n })) {
      answers++;
      indexes.push(...answer.pages.map(({ pageidx }) => pageidx));
      all.push(...covered(answer.covered));
      if (answer.pages.some(({ pageidx }) => pageidx === 650)) {
        expect(answer.pages.find(({ pageidx }) => pageidx === 650)?.data).toEqual(content(9));
      }
    }
    expect(answers).toBe(4);
    expect(indexes).toEqual(Array.from({ length: 700 }, (_, at) => at + 1));
    expect(all).toEqual(Array.from({ length: 1000 }, (_, at) => at + 1));
  });

  it("covers a sparse volume in answers of bounded size", async () => {
    await harness.volume.commit({ pages: contents(7, 7), pageCount: 50_000_000 });
    const answers = await Array.fromAsync(client.streamPages({ vid: vid(), lsn: 1n }));
    // Each step where nothing is goes twice as far as the one before it.
    expect(answers).toHaveLength(7);
    expect(answers[0]?.pages.map(({ pageidx }) => pageidx)).toEqual([7]);
    const sizes = answers.map((answer) => toBinary(StreamPagesResponseSchema, answer).length);
    expect(Math.max(...sizes)).toBeLessThan(3 * 1024 * 1024);
    const count = answers.reduce(
      (sum, one) => sum + decodePageSet(one.covered, "corrupt").cardinality,
      0,
    );
    expect(count).toBe(50_000_000);
  });

  it("is planned part by part, and leaves out nothing between two of them", async () => {
    const span = 2 ** 20;
    const indexes = [1, span, span + 1, 2 * span, 2 * span + 1, 9 * span + 7];
    const pages = new Map(indexes.map((index, at) => [index, content(at + 1)]));
    await harness.volume.commit({ pages, pageCount: 10 * span });
    const answers = await Array.fromAsync(client.streamPages({ vid: vid(), lsn: 1n }));
    expect(answers.flatMap((one) => one.pages.map(({ pageidx }) => pageidx))).toEqual(indexes);
    let next = 1;
    for (const { covered: bytes } of answers) {
      const set = decodePageSet(bytes, "corrupt");
      expect(set.first).toBe(next);
      expect(set.cardinality).toBe((set.last ?? 0) - next + 1);
      next = (set.last ?? 0) + 1;
    }
    expect(next).toBe(10 * span + 1);
  });

  it("ends at once for an empty set and an empty volume", async () => {
    await harness.volume.commit({ pages: new Map(), pageCount: 0 });
    expect(await Array.fromAsync(client.streamPages({ vid: vid(), lsn: 1n }))).toEqual([]);
    const none = client.streamPages({ vid: vid(), lsn: 1n, graft: set() });
    expect(await Array.fromAsync(none)).toEqual([]);
  });

  it("answers not-found for a snapshot that does not exist", async () => {
    await refuses(Array.fromAsync(client.streamPages({ vid: vid(), lsn: 1n })), "not-found");
  });

  it("stops reading the store when its reader leaves", async () => {
    await harness.volume.commit({
      pages: contents(1, 8000),
      pageCount: 8000,
      placement: { segments: 1 },
    });
    for await (const answer of client.streamPages({ vid: vid(), lsn: 1n })) {
      expect(answer.pages.length).toBeGreaterThan(0);
      break;
    }
    expect(harness.store.meter.snapshot().get.requests).toBeLessThan(20);
  });
});

describe("WritePages", () => {
  it("stores pages in one segment, durably, and says which and how large", async () => {
    const pages = [3, 1, 2].map((pageidx) => ({ pageidx, data: content(pageidx) }));
    const { segments } = await client.writePages({ vid: vid(), pages });
    expect(segments).toHaveLength(1);
    const [segment] = segments;
    expect(covered(segment?.graft ?? new Uint8Array(0))).toEqual([1, 2, 3]);
    const objects = await Array.fromAsync(
      harness.store.list(`volumes/${harness.volume.volumeId}/`),
    );
    expect(objects).toHaveLength(1);
    expect(BigInt(objects[0]?.size ?? 0)).toBe(segment?.size);
    expect(objects[0]?.key).toContain("/segments/");
  });

  it("takes the most there may be, and of the least size", async () => {
    const most = Array.from({ length: 2048 }, (_, at) => ({ pageidx: at + 1, data: content(at) }));
    expect((await client.writePages({ vid: vid(), pages: most })).segments).toHaveLength(1);
    const small = Array.from({ length: 16_384 }, (_, at) => ({
      pageidx: (at + 1) * 70_000,
      data: content(at, 512),
    }));
    const { segments } = await client.writePages({ vid: vid(), pages: small, pageSize: 512 });
    const stored = segments.reduce((sum, { graft }) => sum + covered(graft).length, 0);
    expect(stored).toBe(16_384);
  });

  it("stores no page beyond what a volume may have", async () => {
    const small = createHarness({ volumeBytesMax: 3 * 4096 });
    const { volumeId } = small.volume;
    const write = (index: number): Promise<unknown> => {
      const page = { index: toPageIndex(index), data: content(index) };
      return small.pagestore.writePages({ volumeId, pageSize: PAGE_SIZE_DEFAULT, pages: [page] });
    };
    await write(3);
    const { requestCount } = small.store.meter;
    await expect(write(4)).rejects.toMatchObject({
      code: "resource-exhausted",
      details: { limit: "volume-bytes", limitBytes: 12_288, sizeBytes: 16_384 },
    });
    expect(small.store.meter.requestCount).toBe(requestCount);
  });

  it("answers an empty write with no segment", async () => {
    expect((await client.writePages({ vid: vid() })).segments).toEqual([]);
    expect(harness.store.meter.requestCount).toBe(0);
  });

  it("refuses what is no page, and stores nothing of it", async () => {
    const page = { pageidx: 1, data: content(1) };
    const write = (pages: readonly (typeof page)[], pageSize?: number): Promise<unknown> =>
      client.writePages({ vid: vid(), pages: [...pages], ...(pageSize ? { pageSize } : {}) });
    await refuses(write([{ ...page, pageidx: 0 }]), "invalid-argument");
    await refuses(write([{ ...page, pageidx: 4_294_967_295 }]), "invalid-argument");
    await refuses(write([{ ...page, data: new Uint8Array(4095) }]), "invalid-argument");
    await refuses(write([page, page]), "invalid-argument");
    await refuses(write([page], 1000), "invalid-argument");
    const tooMany = Array.from({ length: 2049 }, (_, at) => ({ ...page, pageidx: at + 1 }));
    await refuses(write(tooMany), "invalid-argument");
    expect(harness.store.meter.requestCount).toBe(0);
  });
});

describe("the v0.1 routes", () => {
  function route(path: string): RawRoute {
    const found = harness.rawRoutes.find((one) => one.path === path);
    if (found === undefined) throw new Error(`no route ${path}`);
    return found;
  }

  async function call(path: string, body: Uint8Array): Promise<Uint8Array> {
    const context = { signal: new AbortController().signal, token: undefined };
    const answer = await route(path).handle(body, context);
    return answer instanceof Uint8Array ? answer : answer.bytes;
  }

  it("answer every request in full, up to 1024 pages, without what does not exist", async () => {
    await harness.volume.commit({
      pages: contents(1, 1020),
      pageCount: 1020,
      placement: { segments: 1 },
    });
    const graft = encodePageSet(MutablePageSet.from([...span1to(1023), 4_294_967_295]));
    const request = create(ReadPagesRequestSchema, { vid: vid(), lsn: 1n, graft });
    const body = toBinary(ReadPagesRequestSchema, request);
    const answer = await call("/pagestore/v1/read_pages", body);
    expect(answer.length).toBeLessThan(8 * 1024 * 1024);
    const { pages } = fromBinary(ReadPagesResponseSchema, answer);
    expect(pages.map(({ pageidx }) => pageidx)).toEqual(span1to(1020));
  });

  it("refuse a volume of another page size", async () => {
    const volume = harness.createVolume(toPageSize(512));
    await volume.commit({ pages: contents(1, 1, 512), pageCount: 1 });
    const message = { vid: gidBytes(volume.volumeId), lsn: 1n, graft: set(1) };
    const body = toBinary(ReadPagesRequestSchema, create(ReadPagesRequestSchema, message));
    await refuses(call("/pagestore/v1/read_pages", body), "invalid-argument");
  });

  it("write pages as the service does", async () => {
    const pages = [{ pageidx: 1, data: content(1) }];
    const request = create(WritePagesRequestSchema, { vid: vid(), pages });
    const answer = await call(
      "/pagestore/v1/write_pages",
      toBinary(WritePagesRequestSchema, request),
    );
    expect(fromBinary(WritePagesResponseSchema, answer).segments).toHaveLength(1);
  });

  it("answer any bytes with a message or an error of ours", async () => {
    await harness.volume.commit({ pages: contents(1, 3), pageCount: 3 });
    const valid = create(ReadPagesRequestSchema, { vid: vid(), lsn: 1n, graft: set(1, 2) });
    const base = toBinary(ReadPagesRequestSchema, valid);
    const damage = fc.tuple(fc.nat(base.length - 1), fc.nat(255));
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.array(damage, { maxLength: 4 }).map((edits) => {
        const bytes = base.slice();
        for (const [at, value] of edits) bytes[at] = value;
        return bytes;
      }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        for (const path of ["/pagestore/v1/read_pages", "/pagestore/v1/write_pages"]) {
          const outcome = await call(path, body).catch((error: unknown) => error);
          if (outcome instanceof Uint8Array) continue;
          expect(outcome).toMatchObject({ name: "GraftError" });
          expect(["invalid-argument", "not-found"]).toContain((outcome as { code: string }).code);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function span1to(last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1);
}

async function refuses(call: Promise<unknown>, code: string): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: "GraftError", code });
}

/** A push of one changed row on a warm connection: requests, bytes and ms. */
import { zstdCompressSync } from "node:zlib";
import type { VolumeReader } from "@graft/client";
import type { PageIndex } from "@graft/core";
import type { Bench, BenchRow } from "./bench.ts";
import { median, time } from "./measure.ts";
import { openTwoReplicas } from "./two-replicas.ts";

const PUSHES = 50;

export const pushBench: Bench = {
  name: "push",
  what: "a push of one row on a warm connection, against the zstd size of the changed page",
  async run({ directory, rttMs }): Promise<readonly BenchRow[]> {
    await using pair = await openTwoReplicas(directory, rttMs);
    const { writer, writerProxy } = pair;
    const insert = writer.prepare("INSERT INTO t(body) VALUES(?)");
    const [times, bytes, requests, budgets]: [number[], number[], number[], number[]] = [
      [],
      [],
      [],
      [],
    ];
    for (let at = 0; at < PUSHES; at++) {
      await insert.run(`row ${at} of some length, so that pages fill`);
      const pages = writer.volume.pendingCommits().flatMap((commit) => [...commit.pages]);
      const sent = { bytes: writerProxy.bytes, requests: writer.traffic()?.requests ?? 0 };
      const size = zstdSize(writer, pages);
      times.push(await time(() => writer.push()));
      bytes.push(writerProxy.bytes - sent.bytes);
      requests.push((writer.traffic()?.requests ?? 0) - sent.requests);
      budgets.push((writerProxy.bytes - sent.bytes) / (2 * size + 512));
    }
    return [
      { name: "push of one row", value: median(times), unit: "ms" },
      { name: "requests", value: median(requests), unit: "requests", budget: { max: 1 } },
      { name: "bytes, both ways", value: median(bytes), unit: "bytes" },
      {
        name: "bytes against 2 × zstd of the pages + 512",
        value: median(bytes),
        unit: "bytes",
        ratio: median(budgets),
        baseline: "the budget",
        budget: { max: 1 },
      },
    ];
  },
};

function zstdSize(
  writer: { readonly volume: { openReader(): VolumeReader } },
  pages: readonly number[],
): number {
  const reader = writer.volume.openReader();
  try {
    const all = new Uint8Array(pages.length * reader.pageSize);
    for (const [at, index] of pages.entries()) {
      const target = all.subarray(at * reader.pageSize, (at + 1) * reader.pageSize);
      reader.read(index as PageIndex, target);
    }
    return zstdCompressSync(all).length;
  } finally {
    reader.close();
  }
}

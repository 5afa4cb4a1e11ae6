/** A pull of 5,000 rows that another replica wrote, and the first query on them. */
import type { Bench, BenchRow } from "./bench.ts";
import { median, time } from "./measure.ts";
import { openTwoReplicas } from "./two-replicas.ts";

const ROWS = 5_000;
const ROUNDS = 5;

export const pullBench: Bench = {
  name: "pull",
  what: "a pull of 5,000 new rows: first what changed, then the pages a full scan touches",
  async run({ directory, rttMs }): Promise<readonly BenchRow[]> {
    await using pair = await openTwoReplicas(directory, rttMs);
    const { writer, reader, readerProxy } = pair;
    const [pulls, scans, pullBytes, scanBytes]: [number[], number[], number[], number[]] = [
      [],
      [],
      [],
      [],
    ];
    for (let round = 0; round < ROUNDS; round++) {
      await writer.transaction(async (tx) => {
        const insert = tx.prepare("INSERT INTO t(body) VALUES(?)");
        for (let at = 0; at < ROWS; at++) await insert.run(`row ${at} of round ${round}`);
      });
      await writer.push();
      const before = readerProxy.bytes;
      pulls.push(await time(() => reader.pull()));
      const between = readerProxy.bytes;
      const query = reader.prepare("SELECT count(*), sum(length(body)) FROM t");
      scans.push(await time(() => query.get()));
      pullBytes.push(between - before);
      scanBytes.push(readerProxy.bytes - between);
    }
    return [
      { name: "pull: what changed", value: median(pulls), unit: "ms" },
      { name: "pull: on the wire", value: median(pullBytes), unit: "bytes" },
      { name: "first scan of the new rows", value: median(scans), unit: "ms" },
      { name: "first scan: on the wire", value: median(scanBytes), unit: "bytes" },
    ];
  },
};

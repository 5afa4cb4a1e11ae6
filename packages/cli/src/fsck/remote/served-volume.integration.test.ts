/** What real services write over many commits, checkpoints included, is what fsck expects. */
import { Runtime } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { toPageCount, toPageIndex, toPageSize, type VolumeId } from "@graft/core";
import {
  systemClock as clock,
  nodeCompute as compute,
  nodeFileSystem as fileSystem,
  systemRandom,
} from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { decodeHeadHint, headKey } from "@graft/format";
import { FileObjectStore } from "@graft/object-store";
import { silentLog } from "@graft/rpc";
import { expect, it } from "vitest";
import { serveAllInOne } from "../../server/all-in-one.ts";
import { createTemporaryFolder } from "../../testing/temporary-folder.ts";
import type { Finding } from "../finding.ts";
import { checkVolume } from "./check-volume.ts";

const COMMIT_COUNT = 150;
const HINT_MS_MAX = 20_000;
const PAGE_SIZE = toPageSize(512);

/** The hint follows the last commit within a second; a busy disk takes longer. */
async function untilHinted(store: FileObjectStore, volumeId: VolumeId): Promise<void> {
  const isHinted = async (): Promise<boolean> => {
    const stored = await store.get(headKey(volumeId));
    return stored !== undefined && decodeHeadHint(stored.bytes) === BigInt(COMMIT_COUNT);
  };
  const endMs = clock.monotonicMs() + HINT_MS_MAX;
  while (clock.monotonicMs() < endMs && !(await isHinted())) await clock.sleep(50);
}

it("fsck is silent on 150 commits of a served volume that grows and shrinks", async () => {
  using folder = createTemporaryFolder();
  const root = folder.at("store");
  const means = { clock, random: systemRandom, compute, fileSystem, env: {}, log: silentLog };
  const listening = { host: "127.0.0.1", port: 0, logLevel: "silent" as const };
  await using server = await serveAllInOne({ ...listening, storeUrl: `file:${root}` }, means);
  const remote = openNodeRemote({ url: server.url });
  await using runtime = await Runtime.open({ remote, clock, random: systemRandom });
  const volume = await runtime.createVolume({ pageSize: PAGE_SIZE });
  const random = new SeededRandom(17);
  for (let round = 1; round <= COMMIT_COUNT; round++) {
    const pageCount = random.integer(0, 9) === 0 ? random.integer(1, 400) : 400;
    const writer = volume.openWriter();
    // Now and then more than an inline commit holds.
    const writeCount = round % 40 === 1 ? 300 : random.integer(1, 8);
    for (let count = 0; count < writeCount; count++) {
      const index = writeCount === 300 ? count + 1 : random.integer(1, pageCount);
      if (index > pageCount) continue;
      const page = new Uint8Array(PAGE_SIZE);
      random.fill(page);
      writer?.write(toPageIndex(index), page);
    }
    writer?.commit({ pageCount: toPageCount(pageCount) });
    await volume.push();
  }
  const store = new FileObjectStore({ root, fileSystem });
  await untilHinted(store, volume.volumeId);
  const findings: Finding[] = [];
  const summary = await checkVolume(volume.volumeId, {
    store,
    compute,
    signal: new AbortController().signal,
    report: (finding) => void findings.push(finding),
    onRead: () => undefined,
    isQuick: false,
  });
  expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
  expect(summary).toMatchObject({ commits: COMMIT_COUNT, headLsn: BigInt(COMMIT_COUNT) });
  expect(summary.checkpoints).toBeGreaterThan(0);
});

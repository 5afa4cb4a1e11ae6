/** `graft inspect` on whatever a person points it at. */
import { inspectSource } from "@graft/cli";
import type { GraftErrorCode } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt } from "../oracle.ts";
import { seedDatabases } from "../seed-databases.ts";
import { checkpointBlockTarget, checkpointRootTarget, commitTarget } from "./record-target.ts";
import { segmentTarget } from "./segment-target.ts";
import { storeIndexTarget, storeLogTarget } from "./store-target.ts";

const CODES: readonly GraftErrorCode[] = ["corrupt", "invalid-argument", "not-found"];
const NAME = "/thing";
const INSPECTED: readonly FuzzTarget[] = [
  commitTarget,
  segmentTarget,
  checkpointBlockTarget,
  checkpointRootTarget,
  storeLogTarget,
  storeIndexTarget,
];

export const inspectTarget: FuzzTarget = {
  name: "inspect",
  count: 3000,
  async seeds() {
    const random = new SeededRandom(4);
    const seeds: Uint8Array[] = [];
    for (const target of INSPECTED) seeds.push(...(await target.seeds(random)).slice(0, 4));
    const databases = seedDatabases();
    return [...seeds, ...databases, ...databases.map((bytes) => bytes.slice(0, 512))];
  },
  reseal(bytes) {
    const kind = bytes[4] ?? 0;
    if (kind === 0x53) return segmentTarget.reseal?.(bytes) ?? bytes;
    if (kind === 0x4c) return storeLogTarget.reseal?.(bytes) ?? bytes;
    if (kind === 0x49) return storeIndexTarget.reseal?.(bytes) ?? bytes;
    return kind < 6 ? (commitTarget.reseal?.(bytes) ?? bytes) : bytes.slice();
  },
  async run(bytes) {
    const disk = new SimulatedDisk();
    const file = disk.open(NAME, "create");
    file.write(bytes, 0);
    file.close();
    const read = async (offset: number, size: number) => bytes.slice(offset, offset + size);
    const source = { name: NAME, size: bytes.length, read };
    let isRead = false;
    for (const part of [{}, { page: 1 }, { page: 0xffff_fffe }, { frame: 0 }]) {
      const seen = await attempt(() => inspectSource(source, { compute, ...part }, disk), CODES);
      isRead ||= seen !== undefined;
    }
    return isRead;
  },
};

/** Volumes that are open, live and idle: what each takes of the client's memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createNewsFeed, Runtime, type RuntimeOptions, type Volume } from "@graft/client";
import type { VolumeId } from "@graft/core";
import { nodeFileSystem, systemClock } from "@graft/core/node";
import { Cluster } from "../harness/cluster.ts";
import { commitPages } from "../harness/pages.ts";
import type { Bench, BenchRow } from "./bench.ts";

const VOLUMES = 10_000;
/** On disk each is a folder with a dozen files, made with some flushes. */
const VOLUMES_ON_DISK = 1_000;
/** A look at what the processor does for them while nothing happens. */
const IDLE_MS = 2_000;
const KIB = 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

export const idleBench: Bench = {
  name: "idle",
  what: `${VOLUMES} open volumes that sync by themselves: what each takes while nothing happens`,
  async run({ directory, isQuick }): Promise<readonly BenchRow[]> {
    const share = isQuick ? 0.1 : 1;
    await using cluster = await Cluster.start();
    const volumeIds = await makeVolumes(cluster, VOLUMES * share);
    const inMemory = await measure("in memory", cluster, volumeIds, undefined);
    const some = volumeIds.slice(0, VOLUMES_ON_DISK * share);
    const place = { path: `${directory}/data`, fileSystem: nodeFileSystem };
    return [...inMemory, ...(await measure("on disk", cluster, some, place))];
  },
};

async function makeVolumes(cluster: Cluster, count: number): Promise<readonly VolumeId[]> {
  const volumeIds: VolumeId[] = [];
  const writer = await cluster.openClient();
  for (let at = 0; at < count; at++) {
    const volume = await writer.createVolume();
    commitPages(volume, { 1: 1 }, 1);
    await volume.push();
    volumeIds.push(volume.volumeId);
    await volume.close();
  }
  await writer.close();
  return volumeIds;
}

async function measure(
  name: string,
  cluster: Cluster,
  volumeIds: readonly VolumeId[],
  directory: RuntimeOptions["directory"],
): Promise<readonly BenchRow[]> {
  const { clock, random } = cluster;
  const remote = cluster.openRemote();
  await using runtime = await Runtime.open({
    remote,
    clock,
    random,
    newsFeed: createNewsFeed({ remote, clock, random }),
    durability: "relaxed",
    ...(directory && { directory }),
  });
  const before = memoryInUse();
  const volumes: Volume[] = [];
  for (const volumeId of volumeIds) volumes.push(await runtime.openVolume(volumeId));
  for (const volume of volumes) volume.startSync();
  while (!volumes.every((each) => each.status().sync?.connection === "live")) {
    await systemClock.sleep(20);
  }
  const after = memoryInUse();
  const cpu = process.cpuUsage();
  await systemClock.sleep(IDLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  const label = `${volumes.length} ${name}`;
  const each = (bytes: number): number => bytes / volumes.length / KIB;
  return [
    { name: `${label}: JavaScript memory each`, value: each(after.js - before.js), unit: "KiB" },
    { name: `${label}: resident each`, value: each(after.resident - before.resident), unit: "KiB" },
    {
      name: `${label}: processor time of all`,
      value: (user + system) / 10 / IDLE_MS,
      unit: "% of a core",
    },
  ];
}

function memoryInUse(): { readonly js: number; readonly resident: number } {
  for (let round = 0; round < 3; round++) collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { js: heapUsed + external, resident: rss };
}

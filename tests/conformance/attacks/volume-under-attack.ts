/** A volume with inline commits and a segment, whose stored objects a test may replace. */
import type { Volume } from "@graft/client";
import { encodeHex, type VolumeId } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { Cluster } from "../../harness/cluster.ts";
import { commitPages, readTags } from "../../harness/pages.ts";

/** Longer is a hang. */
export const ANSWER_MS_MAX = 5000;
export const PAGE_COUNT = 60;

export interface VolumeUnderAttack extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly volume: Volume;
  readonly volumeId: VolumeId;
  /**
   * The code that a fresh client on restarted services gets when it reads every page; or "served".
   */
  readAll(): Promise<string>;
}

/** LSN 1: 60 pages in a segment. LSN 2 and 3: inline. */
export async function attackedVolume(): Promise<VolumeUnderAttack> {
  const cluster = await Cluster.start({ random: new SeededRandom(11) });
  const client = await cluster.openClient();
  const volume = await client.createVolume();
  commitPages(
    volume,
    Object.fromEntries(Array.from({ length: PAGE_COUNT }, (_, at) => [at + 1, at + 1])),
    PAGE_COUNT,
  );
  await volume.push();
  commitPages(volume, { 1: 100, 2: 200 }, PAGE_COUNT);
  await volume.push();
  commitPages(volume, { 3: 300 }, PAGE_COUNT);
  await volume.push();
  const { volumeId } = volume;
  return {
    cluster,
    volume,
    volumeId,
    async readAll() {
      await cluster.restartServices();
      const fresh = await cluster.openClient();
      const signal = AbortSignal.timeout(ANSWER_MS_MAX);
      try {
        const tags = await readTags(await fresh.openVolume(volumeId, signal));
        return `served ${encodeHex(Uint8Array.from(tags.slice(0, 3)))}`;
      } catch (error) {
        return signal.aborted ? "hung" : ((error as { code?: string }).code ?? String(error));
      } finally {
        await fresh.close();
      }
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

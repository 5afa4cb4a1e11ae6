import {
  createClientId,
  createCommitId,
  createVolumeId,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type Page,
  pageRange,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import {
  createClients,
  fromCommitRequest,
  fromReadPagesRequest,
  fromWritePagesRequest,
  toWritePagesAnswer,
} from "@graft/rpc";
import { createNodeTransport } from "@graft/rpc/node";
import { samplePage } from "./sample-page.ts";

/** All of it in one commit: 8 MiB, the greatest `WritePages`. */
const PAGE_COUNT = 2048;
const IDS = { clock: systemClock, random: systemRandom };

/** A volume whose pages lie in segments, and in the server's memory. */
export interface FilledVolume {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly pageCount: number;
}

/** Makes the volume, and reads it once. */
export async function fillVolume(url: string): Promise<FilledVolume> {
  const connection = createNodeTransport({ baseUrl: url, clock: systemClock });
  try {
    const { metastore, pagestore } = createClients(connection.transport);
    const volumeId = createVolumeId(IDS);
    const pages: Page[] = [];
    for (let index = 1; index <= PAGE_COUNT; index++) {
      pages.push({ index: toPageIndex(index), data: samplePage(index) });
    }
    const written = await pagestore.writePages(
      fromWritePagesRequest({ volumeId, pageSize: PAGE_SIZE_DEFAULT, pages }),
    );
    const pageCount = toPageCount(PAGE_COUNT);
    await metastore.commit(
      fromCommitRequest({
        volumeId,
        clientId: createClientId(IDS),
        pageCount,
        lowPageCount: pageCount,
        pageSize: PAGE_SIZE_DEFAULT,
        segments: toWritePagesAnswer(written),
        inlineFrames: [],
        commitId: createCommitId(systemRandom),
      }),
    );
    const lsn = toLsn(1n);
    for (let first = 1; first <= PAGE_COUNT; first += 512) {
      const pageSet = pageRange(first, first + 511);
      const byteBudget = 512 * PAGE_SIZE_DEFAULT;
      await pagestore.readPages(fromReadPagesRequest({ volumeId, lsn, pageSet, byteBudget }));
    }
    return { volumeId, lsn, pageCount: PAGE_COUNT };
  } finally {
    connection.close();
  }
}

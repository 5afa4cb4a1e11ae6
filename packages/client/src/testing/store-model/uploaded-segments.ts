import { createSegmentId } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import type { UploadedSegment } from "../../remote/remote.ts";
import type { PreparedPush } from "../../store/local-store.ts";

/** Uploads that never happened: lists of segments for a prepared push. */
export class UploadedSegments {
  readonly #ids = { clock: new SimulatedClock(), random: new SeededRandom(1) };
  #count = 0;

  /** One more; every third list forgets its first, as after a commit that did not find it. */
  next({ uploaded, pages }: PreparedPush): readonly UploadedSegment[] {
    const kept = uploaded.slice(uploaded.length % 3 === 2 ? 1 : 0);
    const segmentId = createSegmentId(this.#ids);
    return [...kept, { segmentId, pageSet: pages, sizeBytes: 1000 + ++this.#count }];
  }
}

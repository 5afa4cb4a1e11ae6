/** Segments, frames and zstd: what a stranger stores, and what a commit carries. */
import {
  concatBytes,
  createSegmentId,
  createVolumeId,
  encodeHex,
  type Page,
  pageSetOf,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import {
  buildSegment,
  decodeFrame,
  encodeFrame,
  type Frame,
  frameHash,
  framesFor,
  readSegmentTail,
  readWholeSegment,
  segmentRefFault,
  segmentRefOf,
  segmentTailRange,
} from "@graft/format";
import { reseal } from "@graft/format/testing";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt, mustBeBytes } from "../oracle.ts";

const objectName = "volumes/fuzz";
const TRAILER_SIZE = 8;
const HEADER_SIZE = 8;
const ids = { random: new SeededRandom(1), clock: new SimulatedClock() };
const volumeId = createVolumeId(ids);

function randomPages(random: SeededRandom, pageSize: number, count: number): Page[] {
  let index = random.integer(1, 9);
  return Array.from({ length: count }, () => {
    const data = new Uint8Array(pageSize);
    if (random.chance(0.3)) random.fill(data);
    else data.fill(random.integer(0, 255));
    const page = { index: toPageIndex(index), data };
    index += random.pick([1, 1, 1, 2, 90, 100_000]);
    return page;
  });
}

export const segmentTarget: FuzzTarget = {
  name: "segment",
  count: 9000,
  async seeds(random) {
    const seeds: Uint8Array[] = [];
    for (const [size, count] of [
      [512, 1],
      [512, 70],
      [4096, 5],
      [65_536, 2],
    ] as const) {
      const pageSize = toPageSize(size);
      const options = { volumeId, segmentId: createSegmentId(ids), pageSize };
      const pages = randomPages(random, size, count);
      seeds.push((await buildSegment(pages, options, compute)).bytes);
    }
    return seeds;
  },
  reseal(bytes) {
    const footerEnd = bytes.length - TRAILER_SIZE;
    if (footerEnd < HEADER_SIZE) return bytes.slice();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const footerSize = view.getUint32(footerEnd);
    if (footerSize > footerEnd - HEADER_SIZE) return bytes.slice();
    const copy = bytes.slice();
    const start = footerEnd - footerSize;
    copy.set(reseal(copy.subarray(start, footerEnd), compute), start);
    return copy;
  },
  async run(bytes) {
    const object = { objectName, size: bytes.length };
    const range = segmentTailRange(bytes.length);
    const end = bytes.subarray(range.offset, range.offset + range.size);
    let tail = await attempt(() => readSegmentTail(end, object, compute), ["corrupt"]);
    if (tail?.kind === "more") {
      const more = bytes.subarray(tail.range.offset, tail.range.offset + tail.range.size);
      tail = await attempt(() => readSegmentTail(more, object, compute), ["corrupt"]);
      if (tail?.kind === "more") throw new Error("a third read was asked for");
    }
    if (tail === undefined) return false;
    const { footer } = tail;
    const ref = segmentRefOf(footer);
    const context = { volumeId: footer.volumeId, pageSize: footer.pageSize };
    const fault = segmentRefFault(ref, { ...context, volumeId: createVolumeId(ids) });
    if (fault !== undefined) throw new Error(`the footer was read, its reference is not: ${fault}`);
    if (framesFor(ref, footer.pageSet).length !== footer.frames.length) {
      throw new Error("a frame holds no page");
    }
    const whole = await attempt(() => readWholeSegment(bytes, objectName, compute), ["corrupt"]);
    return whole !== undefined;
  },
};

/** byte 0: codec · byte 1: number of pages · 2 … 17: hash · the data */
function toFrame(bytes: Uint8Array): Frame {
  const count = Math.max(1, bytes[1] ?? 1);
  return {
    codec: bytes[0] === 0 ? "raw" : "zstd",
    pageSet: pageSetOf(Array.from({ length: count }, (_, at) => toPageIndex(1 + at * 3))),
    hash: bytes.slice(2, 18),
    data: bytes.subarray(18),
  };
}

const FRAME_CONTEXT = { volumeId, pageSize: toPageSize(512), objectName };

export const frameTarget: FuzzTarget = {
  name: "frame",
  count: 8000,
  async seeds(random) {
    const seeds: Uint8Array[] = [];
    for (const count of [1, 2, 8, 64]) {
      const data = new Uint8Array(count * 512);
      random.fill(data.subarray(0, random.pick([10, data.length])));
      const pages = Array.from({ length: count }, (_, at) => ({
        index: toPageIndex(1 + at * 3),
        data: data.subarray(at * 512, (at + 1) * 512),
      }));
      const frame = await encodeFrame(pages, FRAME_CONTEXT, compute);
      const codec = frame.codec === "raw" ? 0 : 1;
      seeds.push(concatBytes([Uint8Array.of(codec, count), frame.hash, frame.data]));
    }
    return seeds;
  },
  async run(bytes) {
    const frame = toFrame(bytes);
    const pages = await attempt(() => decodeFrame(frame, FRAME_CONTEXT, compute), ["corrupt"]);
    if (pages === undefined) return false;
    const raw = new Uint8Array(Buffer.concat(pages.map(({ data }) => data)));
    mustBeBytes(
      frameHash(frame.pageSet, raw, volumeId, compute),
      frame.hash,
      "pages are served that the hash is of",
    );
    return true;
  },
};

/** byte 0 … 3: the size that is expected, big-endian · one zstd frame */
export const zstdTarget: FuzzTarget = {
  name: "zstd",
  count: 6000,
  async seeds(random) {
    const seeds: Uint8Array[] = [];
    for (const size of [1, 600, 4096, 70_000]) {
      const content = new Uint8Array(size);
      random.fill(content.subarray(0, size / 2));
      const bytes = await compute.compress(content);
      const sized = new Uint8Array(4 + bytes.length);
      new DataView(sized.buffer).setUint32(0, size);
      sized.set(bytes, 4);
      seeds.push(sized);
    }
    return seeds;
  },
  async run(bytes) {
    if (bytes.length < 4) return false;
    // A caller expects at most what its limits allow: a frame, or a request's body.
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % (1 << 20);
    const content = await attempt(() => compute.decompress(bytes.subarray(4), size), ["corrupt"]);
    if (content === undefined) return false;
    if (content.length !== size) throw new Error(`${content.length} bytes, expected ${size}`);
    const again = await compute.decompress(await compute.compress(content), size);
    if (encodeHex(again) !== encodeHex(content)) throw new Error("it comes back changed");
    return true;
  },
};

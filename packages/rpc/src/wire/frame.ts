import { create } from "@bufbuild/protobuf";
import { GraftError, type PageSet } from "@graft/core";
import { FrameCodec, type Frame as FrameMessage, FrameSchema } from "@graft/proto-gen/common";
import { fromPageSet, toPageSet } from "./page-set.ts";

/** Bytes of a frame hash: the first half of SHA-256. */
export const FRAME_HASH_SIZE = 16;

/** Pages compressed together that travel inside a commit. Its hash is not checked here. */
export interface WireFrame {
  readonly pageSet: PageSet;
  readonly codec: "raw" | "zstd";
  /** 16 bytes: over domain, vid, page indexes and uncompressed pages. */
  readonly hash: Uint8Array;
  /** The pages, encoded with `codec`: a view on the message. */
  readonly data: Uint8Array;
}

/** @throws GraftError `invalid-argument` on an unknown codec, a malformed set or hash */
export function toFrame(message: FrameMessage): WireFrame {
  if (message.hash.length !== FRAME_HASH_SIZE) {
    throw new GraftError(
      "invalid-argument",
      `invalid frame hash: expected ${FRAME_HASH_SIZE} bytes, got ${message.hash.length}`,
    );
  }
  const pageSet = toPageSet(message.pageSet);
  return { pageSet, codec: toCodec(message.codec), hash: message.hash, data: message.data };
}

export function fromFrame(frame: WireFrame): FrameMessage {
  return create(FrameSchema, {
    pageSet: fromPageSet(frame.pageSet),
    codec: frame.codec === "zstd" ? FrameCodec.ZSTD : FrameCodec.UNSPECIFIED,
    hash: frame.hash,
    data: frame.data,
  });
}

function toCodec(codec: number): "raw" | "zstd" {
  if (codec === FrameCodec.UNSPECIFIED) return "raw";
  if (codec === FrameCodec.ZSTD) return "zstd";
  throw new GraftError(
    "invalid-argument",
    `unknown frame codec ${codec}: expected 0 raw or 1 zstd`,
  );
}

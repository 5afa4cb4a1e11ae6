/** Lines of an import's journal, both directions (import-journal.ts). */
import {
  type ClientId,
  type CommitId,
  decodeHex,
  decodePageSet,
  encodeHex,
  encodePageSet,
  type PageSize,
  parseClientId,
  parseCommitId,
  parseSegmentId,
  parseVolumeId,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import type { UploadedSegment } from "./remote/remote.ts";
import { xxh32Of } from "./store/durable/xxh32.ts";

const VERSION = 1;
const CHECKSUM_SIZE = 8;
const LINE_END = 0x0a;

/** Whose import it is. */
export interface ImportHead {
  readonly kind: "head";
  readonly volumeId: VolumeId;
  readonly commitId: CommitId;
  readonly clientId: ClientId;
  readonly pageSize: PageSize;
}

export type ImportLine =
  | ImportHead
  | {
      readonly kind: "part";
      /** SHA-256 of the part's page indexes and pages, hex. */
      readonly digest: string;
      readonly segments: readonly UploadedSegment[];
    }
  /** The commit with these parts may have been sent. */
  | { readonly kind: "sent"; readonly digest: string };

export function toImportLine(line: ImportLine): Uint8Array {
  const text = JSON.stringify(fieldsOf(line));
  const encoder = new TextEncoder();
  return encoder.encode(`${checksumOf(encoder.encode(text))} ${text}\n`);
}

/** All lines up to the first that is not whole, and how many bytes they take. */
export function readImportLines(bytes: Uint8Array): {
  readonly lines: readonly ImportLine[];
  readonly size: number;
} {
  const lines: ImportLine[] = [];
  let size = 0;
  for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, size)) {
    const line = readLine(bytes.subarray(size, end));
    if (line === undefined) break;
    lines.push(line);
    size = end + 1;
  }
  return { lines, size };
}

function readLine(bytes: Uint8Array): ImportLine | undefined {
  const decoder = new TextDecoder();
  const json = bytes.subarray(CHECKSUM_SIZE + 1);
  if (decoder.decode(bytes.subarray(0, CHECKSUM_SIZE)) !== checksumOf(json)) return undefined;
  try {
    return parseFields(JSON.parse(decoder.decode(json)) as Fields);
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(line: ImportLine): Fields {
  if (line.kind !== "part") return line.kind === "head" ? { version: VERSION, ...line } : line;
  const { kind, digest, segments } = line;
  return {
    kind,
    digest,
    segments: segments.map(({ segmentId, sizeBytes, pageSet }) => ({
      id: segmentId,
      size: sizeBytes,
      pages: encodeHex(encodePageSet(pageSet)),
    })),
  };
}

/** @throws when a field is not what it should be */
function parseFields(fields: Fields): ImportLine | undefined {
  const digest = String(fields.digest);
  switch (fields.kind) {
    case "head":
      if (fields.version !== VERSION) return undefined;
      return {
        kind: "head",
        volumeId: parseVolumeId(String(fields.volumeId)),
        commitId: parseCommitId(String(fields.commitId)),
        clientId: parseClientId(String(fields.clientId)),
        pageSize: toPageSize(Number(fields.pageSize)),
      };
    case "part":
      return { kind: "part", digest, segments: (fields.segments as Fields[]).map(parseSegment) };
    case "sent":
      return { kind: "sent", digest };
    default:
      return undefined;
  }
}

function parseSegment({ id, size, pages }: Fields): UploadedSegment {
  return {
    segmentId: parseSegmentId(String(id)),
    pageSet: decodePageSet(decodeHex(String(pages)), "corrupt"),
    ...(typeof size === "number" && { sizeBytes: size }),
  };
}

function checksumOf(bytes: Uint8Array): string {
  return xxh32Of(bytes).toString(16).padStart(CHECKSUM_SIZE, "0");
}

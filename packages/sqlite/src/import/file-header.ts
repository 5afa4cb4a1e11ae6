import { GraftError, type PageSize, toPageSize } from "@graft/core";
import {
  HEADER,
  HEADER_SIZE,
  hasHeaderMagic,
  readUint32,
  statedPageCount,
  statedPageSize,
} from "../page-one.ts";
import { damaged } from "./damage.ts";

/** What the header of a database file says about its layout. Table of fields: page-one.ts. */
export interface FileHeader {
  readonly pageSize: PageSize;
  /** Page size less the bytes reserved at the end of each page: what b-trees may use. */
  readonly usableSize: number;
  /** Page count the header states; undefined when an old writer left it stale. */
  readonly statedPageCount: number | undefined;
  readonly isWalMode: boolean;
  readonly isAutoVacuum: boolean;
  /** Of text, as `TextDecoder` calls it. */
  readonly encoding: "utf-8" | "utf-16le" | "utf-16be";
  readonly freelistFirst: number;
  readonly freelistCount: number;
}

/** Least usable size: four cells must fit into an index page. */
const USABLE_SIZE_MIN = 480;
const TEXT_ENCODING = 56;
const ENCODINGS = ["utf-8", "utf-8", "utf-16le", "utf-16be"] as const;
const SCHEMA_FORMAT = 44;
const SCHEMA_FORMAT_MAX = 4;

/**
 * Reads the first 100 bytes of a database.
 *
 * @throws GraftError `invalid-argument`: not SQLite · `corrupt`: a field out of range, naming page
 *   1
 */
export function parseFileHeader(path: string, bytes: Uint8Array): FileHeader {
  if (bytes.length < HEADER_SIZE || !hasHeaderMagic(bytes)) {
    throw new GraftError(
      "invalid-argument",
      `"${path}" is not a SQLite database: expected it to begin with "SQLite format 3"`,
      { details: { path } },
    );
  }
  const pageSize = parsePageSize(path, bytes);
  const versions = [bytes[HEADER.writeVersion] ?? 0, bytes[HEADER.readVersion] ?? 0] as const;
  if (versions.some((version) => version < 1 || version > 2)) {
    throw damaged(path, 1, `file format ${versions.join(" and ")} is not 1 (rollback) or 2 (WAL)`);
  }
  const usableSize = pageSize - (bytes[HEADER.reservedSize] ?? 0);
  if (usableSize < USABLE_SIZE_MIN) {
    throw damaged(
      path,
      1,
      `${bytes[HEADER.reservedSize]} reserved bytes leave too little of a page`,
    );
  }
  if (bytes[21] !== 64 || bytes[22] !== 32 || bytes[23] !== 32) {
    throw damaged(path, 1, "the payload fractions in the header are not 64, 32, 32");
  }
  const encoding = ENCODINGS[readUint32(bytes, TEXT_ENCODING)];
  if (readUint32(bytes, SCHEMA_FORMAT) > SCHEMA_FORMAT_MAX || encoding === undefined) {
    throw damaged(path, 1, "schema format or text encoding in the header is out of range");
  }
  const counter = readUint32(bytes, HEADER.changeCounter);
  const count = statedPageCount(bytes);
  const isFresh = count > 0 && counter === readUint32(bytes, HEADER.versionValidFor);
  return {
    pageSize,
    usableSize,
    statedPageCount: isFresh ? count : undefined,
    encoding,
    isWalMode: versions[1] === 2,
    isAutoVacuum: readUint32(bytes, HEADER.largestRoot) !== 0,
    freelistFirst: readUint32(bytes, HEADER.freelistFirst),
    freelistCount: readUint32(bytes, HEADER.freelistCount),
  };
}

function parsePageSize(path: string, bytes: Uint8Array): PageSize {
  const stated = statedPageSize(bytes);
  try {
    return toPageSize(stated);
  } catch {
    throw damaged(path, 1, `page size ${stated} is no power of two in 512 … 65536`);
  }
}

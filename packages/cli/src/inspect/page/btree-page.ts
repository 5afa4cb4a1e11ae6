/**
 * A page of a B-tree. All integers are big-endian; on page 1 the header begins at 100.
 *
 * | offset | size | field                                                              |
 * |--------|------|--------------------------------------------------------------------|
 * | 0      | 1    | 2 interior index, 5 interior table, 10 leaf index, 13 leaf table   |
 * | 1      | 2    | first freeblock; 0 = none                                          |
 * | 3      | 2    | number of cells                                                    |
 * | 5      | 2    | where the cells' content begins; 0 = 65536                         |
 * | 7      | 1    | fragmented free bytes                                              |
 * | 8      | 4    | right-most child; interior pages only                              |
 * | 8, 12  | 2·n  | where each cell is                                                 |
 */
import type { Facts } from "../facts.ts";

const KINDS: Readonly<Record<number, string>> = {
  2: "interior index",
  5: "interior table",
  10: "leaf index",
  13: "leaf table",
};

/** How a page is read. */
export interface BtreeContext {
  /** Where the header begins: 100 on page 1, else 0. */
  readonly headerOffset: number;
  /** Bytes of the page that SQLite uses: all but the reserved ones. */
  readonly usableSize: number;
}

/** "leaf table", …; undefined when the page does not begin like one of a B-tree. */
export function btreeKind(page: Uint8Array, headerOffset: number): string | undefined {
  return KINDS[page[headerOffset] ?? 0];
}

/**
 * The header, its cells, and what is wrong with them. Total: a hostile page gives facts too.
 * Undefined when `btreeKind` is.
 */
export function describeBtreePage(page: Uint8Array, context: BtreeContext): Facts | undefined {
  const { headerOffset, usableSize } = context;
  const kind = btreeKind(page, headerOffset);
  if (kind === undefined) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const isInterior = kind.startsWith("interior");
  const headerSize = isInterior ? 12 : 8;
  const cellCount = view.getUint16(headerOffset + 3);
  const contentStart = view.getUint16(headerOffset + 5) || 65_536;
  const cellsEnd = headerOffset + headerSize + 2 * cellCount;
  const cells: Facts[] = [];
  for (let at = 0; at < cellCount && cellsEnd <= usableSize; at++) {
    const offset = view.getUint16(headerOffset + headerSize + 2 * at);
    cells.push({ cell: at, offset, ...describeCell(page, offset, kind, usableSize) });
  }
  return {
    tree: kind,
    cellCount,
    firstFreeblock: view.getUint16(headerOffset + 1),
    contentStart,
    fragmentedBytes: view.getUint8(headerOffset + 7),
    unallocatedBytes: Math.max(0, contentStart - cellsEnd),
    rightmostChild: isInterior ? view.getUint32(headerOffset + 8) : undefined,
    fault: headerFault({ cellsEnd, contentStart, usableSize }),
    cells,
  };
}

function headerFault(header: {
  readonly cellsEnd: number;
  readonly contentStart: number;
  readonly usableSize: number;
}): string | undefined {
  const { cellsEnd, contentStart, usableSize } = header;
  if (cellsEnd > usableSize) return `the cell pointers end at ${cellsEnd}, after the page`;
  if (contentStart > usableSize) return `the content begins at ${contentStart}, after the page`;
  if (contentStart < cellsEnd) return `the content begins at ${contentStart}, in the cell pointers`;
  return undefined;
}

function describeCell(page: Uint8Array, offset: number, kind: string, usableSize: number): Facts {
  const reader = new CellReader(page.subarray(0, usableSize), offset);
  switch (kind) {
    case "interior table": {
      const leftChild = reader.u32();
      return finish(reader, { leftChild, rowid: reader.varint() });
    }
    case "leaf table": {
      const payload = reader.varint();
      const rowid = reader.varint();
      return finish(reader, { rowid, ...payloadFacts(reader, payload, usableSize - 35) });
    }
    case "interior index": {
      const leftChild = reader.u32();
      const payload = reader.varint();
      const local = localMaxOfIndex(usableSize);
      return finish(reader, { leftChild, ...payloadFacts(reader, payload, local) });
    }
    default: {
      const payload = reader.varint();
      return finish(reader, payloadFacts(reader, payload, localMaxOfIndex(usableSize)));
    }
  }
}

/** Most payload an index cell keeps on its page (the file format's X). */
function localMaxOfIndex(usableSize: number): number {
  return Math.floor(((usableSize - 12) * 64) / 255) - 23;
}

/** What is beyond `localMax` is on overflow pages, whose first is named after the local part. */
function payloadFacts(reader: CellReader, payload: bigint, localMax: number): Facts {
  if (payload <= BigInt(localMax)) return { payload };
  const usable = BigInt(reader.size);
  const least = ((usable - 12n) * 32n) / 255n - 23n;
  const wanted = least + ((payload - least) % (usable - 4n));
  const local = wanted <= BigInt(localMax) ? wanted : least;
  reader.skip(Number(local));
  return { payload, local, overflowPage: reader.u32() };
}

function finish(reader: CellReader, facts: Facts): Facts {
  return reader.isOver ? { ...facts, fault: "the cell ends after the page" } : facts;
}

/** Reads forward; past the end it gives zeros and says so. */
class CellReader {
  readonly size: number;
  isOver = false;
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.size = bytes.length;
    this.#at = at;
  }

  u32(): number {
    let value = 0;
    for (let count = 0; count < 4; count++) value = value * 256 + this.#byte();
    return value;
  }

  /** 1 … 9 bytes, most significant first; the ninth has 8 bits. Signed, as a rowid is. */
  varint(): bigint {
    let value = 0n;
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte();
      value = (value << 7n) | BigInt(byte & 0x7f);
      if (byte < 0x80) return value;
    }
    return BigInt.asIntN(64, (value << 8n) | BigInt(this.#byte()));
  }

  skip(count: number): void {
    this.#at += count;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) this.isOver = true;
    return byte ?? 0;
  }
}

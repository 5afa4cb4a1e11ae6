/**
 * A look at the fields of a protobuf body before it is decoded. A repeated message of no content
 * takes two bytes on disk and hundreds in memory, so what may repeat has a limit and what is
 * nested a least size: a body that passes takes a small multiple of its size when decoded,
 * whoever wrote it.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { corrupt } from "./corrupt.ts";

/**
 * What a message may hold, by field number. Fields that are not listed may repeat but hold no
 * message.
 */
export type MessageLimits = ReadonlyMap<number, NestedLimits>;

/** A field that holds a message. */
export interface NestedLimits {
  /** Its name, for errors. */
  readonly name: string;
  /** How often it may be there. */
  readonly countMax: number;
  /** Bytes of the smallest legal content. */
  readonly sizeMin: number;
  readonly fields?: MessageLimits;
}

/** @throws GraftError `corrupt`: not protobuf, a group, or over a limit */
export function scanBody(body: Uint8Array, limits: MessageLimits, objectName: string): void {
  const counts = new Map<number, number>();
  const reader = new BinaryReader(body);
  while (reader.pos < reader.len) {
    const [field, type] = readTag(reader, objectName);
    const nested = limits.get(field);
    if (nested === undefined) {
      skip(reader, field, type, objectName);
      continue;
    }
    if (type !== WireType.LengthDelimited) {
      throw corrupt(objectName, `field ${nested.name} is not a message`);
    }
    const count = (counts.get(field) ?? 0) + 1;
    counts.set(field, count);
    if (count > nested.countMax) {
      throw corrupt(objectName, `more than ${nested.countMax} of field ${nested.name}`);
    }
    const content = readContent(reader, objectName);
    if (content.length < nested.sizeMin) {
      const expected = `at least ${nested.sizeMin} bytes`;
      throw corrupt(
        objectName,
        `field ${nested.name}: expected ${expected}, got ${content.length}`,
      );
    }
    if (nested.fields !== undefined) scanBody(content, nested.fields, objectName);
  }
}

function readTag(reader: BinaryReader, objectName: string): [number, WireType] {
  try {
    return reader.tag();
  } catch (cause) {
    throw corrupt(objectName, "its body is not protobuf", { cause });
  }
}

function skip(reader: BinaryReader, field: number, type: WireType, objectName: string): void {
  // No message of ours has groups, and skipping them recurses.
  if (type === WireType.StartGroup || type === WireType.EndGroup) {
    throw corrupt(objectName, `field ${field} of its body is a group`);
  }
  try {
    reader.skip(type, field);
  } catch (cause) {
    throw corrupt(objectName, "its body is not protobuf", { cause });
  }
}

function readContent(reader: BinaryReader, objectName: string): Uint8Array {
  try {
    return reader.bytes();
  } catch (cause) {
    throw corrupt(objectName, "its body is not protobuf", { cause });
  }
}

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type MessageLimits, scanBody } from "./body-scan.ts";
import { corrupt } from "./corrupt.ts";

/**
 * Decodes the body of a record. Fields that this version does not know are passed over, so that a
 * body can grow without a new version.
 *
 * @throws GraftError `corrupt`: not protobuf, or over a limit
 */
export function decodeBody<Desc extends DescMessage>(
  schema: Desc,
  body: Uint8Array,
  limits: MessageLimits,
  objectName: string,
): MessageShape<Desc> {
  scanBody(body, limits, objectName);
  try {
    return fromBinary(schema, body, { readUnknownFields: false });
  } catch (cause) {
    throw corrupt(objectName, `its body is no ${schema.typeName}`, { cause });
  }
}

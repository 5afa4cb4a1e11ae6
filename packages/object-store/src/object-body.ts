import { concatBytes } from "@graft/core";
import type { ObjectBody } from "./object-store.ts";

/** The parts of a body, one after the other. Views: nothing is copied. */
export function bodyParts(body: ObjectBody): readonly Uint8Array[] {
  return body instanceof Uint8Array ? [body] : body;
}

/** Bytes of a body. */
export function bodySize(body: ObjectBody): number {
  let size = 0;
  for (const part of bodyParts(body)) size += part.length;
  return size;
}

/** The body in one piece: a view when it is in one piece already, else a copy. */
export function joinBody(body: ObjectBody): Uint8Array {
  const parts = bodyParts(body);
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : concatBytes(parts);
}

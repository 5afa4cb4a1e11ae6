import type { IncomingMessage } from "node:http";
import { GraftError } from "@graft/core";
import { OBJECT_SIZE_MAX } from "./object-store.ts";

/** Bytes of an error answer that are worth reading: S3's are below 1 KiB. */
const ERROR_TEXT_SIZE_MAX = 64 * 1024;

/**
 * All bytes of an answer, in memory of its announced size. The caller owns them.
 *
 * @throws GraftError `corrupt` when there are more or fewer than announced, `resource-exhausted`
 *   when too many were; Error when the connection broke
 */
export async function readBody(response: IncomingMessage): Promise<Uint8Array> {
  const announced = Number(response.headers["content-length"] ?? "NaN");
  if (!Number.isSafeInteger(announced) || announced < 0) {
    response.destroy();
    throw new GraftError("corrupt", "the answer does not announce its size (content-length)");
  }
  if (announced > OBJECT_SIZE_MAX) {
    response.destroy();
    const limit = `at most ${OBJECT_SIZE_MAX} are read`;
    throw new GraftError("resource-exhausted", `the answer has ${announced} bytes, ${limit}`);
  }
  const body = new Uint8Array(announced);
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    if (size + chunk.length > announced) {
      throw new GraftError("corrupt", `the answer has more than the announced ${announced} bytes`);
    }
    body.set(chunk, size);
    size += chunk.length;
  }
  if (size < announced) {
    throw new GraftError("corrupt", `the answer has ${size} of the announced ${announced} bytes`);
  }
  return body;
}

/** The beginning of an error answer, as text; what cannot be read is left out. */
export async function readErrorText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > ERROR_TEXT_SIZE_MAX) break;
      chunks.push(chunk);
    }
  } catch {
    // The status alone says enough.
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** S3's own code and message out of `<Error><Code>…</Code><Message>…</Message></Error>`. */
export function parseErrorText(text: string): { readonly code: string; readonly message: string } {
  return { code: elementText(text, "Code"), message: elementText(text, "Message") };
}

function elementText(text: string, name: string): string {
  const start = text.indexOf(`<${name}>`);
  const end = text.indexOf(`</${name}>`, start);
  if (start < 0 || end < 0) return "";
  return text.slice(start + name.length + 2, end).slice(0, 300);
}

import { BytesError, GraftError } from "@graft/core";

/** Stored bytes do not hold what they claim: says which file, where, and what was expected. */
export function corruptFile(
  path: string,
  offset: number,
  why: string,
  cause?: unknown,
): GraftError {
  return new GraftError("corrupt", `"${path}" is damaged at offset ${offset}: ${why}`, {
    details: { path, offset },
    cause,
  });
}

/** Runs a decoder; what it throws about its bytes becomes `corrupt`, with the file's name. */
export function decodingFile<T>(path: string, offset: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof BytesError) {
      throw corruptFile(path, offset + error.offset, error.message, error);
    }
    if (error instanceof GraftError && error.code !== "io") {
      throw corruptFile(path, offset, error.message, error);
    }
    throw error;
  }
}

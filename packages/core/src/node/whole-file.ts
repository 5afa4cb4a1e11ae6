/**
 * Whole files through libuv's threads. The order that makes a write atomic and durable:
 * write a temporary file → fdatasync it → give it its name → fsync the directory.
 */
import { randomUUID } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { ByteRange } from "../file-system.ts";
import { createDirectories } from "./create-directories.ts";
import { isExisting, isMissing } from "./file-error.ts";

/** The bytes of a file or of a range cut at its end. Rejects with the system's error. */
export async function readWholeFile(path: string, range?: ByteRange): Promise<Uint8Array> {
  await using handle = await open(path, "r");
  const { size } = await handle.stat();
  const offset = Math.min(range?.offset ?? 0, size);
  const bytes = new Uint8Array(Math.min(range?.size ?? size, size - offset));
  let done = 0;
  while (done < bytes.length) {
    const read = await handle.read(bytes, done, bytes.length - done, offset + done);
    // Somebody cut the file meanwhile.
    if (read.bytesRead === 0) return bytes.slice(0, done);
    done += read.bytesRead;
  }
  return bytes;
}

/** See `FileSystem.writeWhole`. Rejects with the system's error. */
export async function writeWholeFile(
  path: string,
  parts: readonly Uint8Array[],
  mode: "replace" | "create-only",
): Promise<boolean> {
  // Not the process id: in containers that share a disk every process is number 1.
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeTemporary(temporary, parts);
    const isOurs = mode === "create-only" ? await linkNew(temporary, path) : true;
    if (mode === "replace") await rename(temporary, path);
    // Also when another writer won: its file may have a name that is not durable yet.
    await syncDirectoryOffLoop(dirname(path));
    return isOurs;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeTemporary(path: string, parts: readonly Uint8Array[]): Promise<void> {
  await using handle = await openInNewDirectory(path);
  let offset = 0;
  for (const part of parts) {
    let done = 0;
    while (done < part.length) {
      const size = part.length - done;
      done += (await handle.write(part, done, size, offset + done)).bytesWritten;
    }
    offset += part.length;
  }
  await handle.datasync();
}

/** Directories are made only when one is missing: most writes go where others went before. */
async function openInNewDirectory(path: string): ReturnType<typeof open> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    createDirectories(dirname(path));
    return await open(path, "wx", 0o600);
  }
}

/** link(2) refuses an existing name atomically, which rename(2) does not. */
async function linkNew(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (isExisting(error)) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function syncDirectoryOffLoop(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

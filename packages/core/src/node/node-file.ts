import * as fs from "node:fs";
import { invariant } from "../assert.ts";
import type { File } from "../file-system.ts";
import { fileError } from "./file-error.ts";

/** A file descriptor. */
export class NodeFile implements File {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  read(target: Uint8Array, offset: number): number {
    assertOffset(offset);
    return this.#attempt("read", (fd) => {
      let done = 0;
      while (done < target.length) {
        const count = fs.readSync(fd, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  write(bytes: Uint8Array, offset: number): void {
    assertOffset(offset);
    this.#attempt("write", (fd) => {
      let done = 0;
      while (done < bytes.length) {
        done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done);
      }
    });
  }

  truncate(size: number): void {
    this.#attempt("truncate", (fd) => fs.ftruncateSync(fd, size));
  }

  size(): number {
    return this.#attempt("stat", (fd) => fs.fstatSync(fd).size);
  }

  sync(): void {
    this.#attempt("sync", (fd) => fs.fdatasyncSync(fd));
  }

  close(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    // Forgotten first: a descriptor must not be closed twice, even when closing reports an error.
    this.#fd = undefined;
    try {
      fs.closeSync(fd);
    } catch (error) {
      throw fileError("close", this.#path, error);
    }
  }

  #attempt<T>(action: string, run: (fd: number) => T): T {
    try {
      if (this.#fd === undefined) throw new Error("the file is closed");
      return run(this.#fd);
    } catch (error) {
      throw fileError(action, this.#path, error);
    }
  }
}

/** A negative position means "wherever the descriptor stands" to Node. */
function assertOffset(offset: number): void {
  invariant(
    Number.isSafeInteger(offset) && offset >= 0,
    "a file is read and written at offsets ≥ 0",
  );
}

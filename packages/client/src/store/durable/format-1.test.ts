import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { toPageCount, toPageIndex, toVolumeId } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { expect, it } from "vitest";
import type { LocalStore } from "../local-store.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));
const directory = "/store";
const PAGE_SIZE = 512;

/**
 * A store as format version 1 had it (brotli, base64): 3 remote pages, of which the third does not
 * exist; two local commits on top; a prepared push.
 */
const FILES: Readonly<Record<string, string>> = {
  "index-00000001":
    "G3gA+B8HuTn0DoVPxWqMIHf3FkrzpJbHidQ81EyTSgq/Jaxc7XUCoogj1wJggYubOnoQgAMAyAAAALjLDZDmi5/mMg==",
  "log-00000001":
    "GycEIJ4HdqwzpLLh8GnBk79mb+YvGV/A+JVVDKqajGmqmtpqIKX5kPTl5NXrd0scid1rkjXXW5Y7vq2zMG57EA1qa3uy" +
    "XvzXFqhleRxCUNvknBwFRfoKowvK1NPNooAAAGP8gR/0fhfZWeDV7ZMAKQBAAZCmCyMoePkryr52uPpFEjqbLvUChFhL" +
    "teZLrBiDUuxjH3xWLGDqD2kzeXe7eBsKVe0aqt0WjWpaxtGuMub5UV+36A5BKDSwI4qst463D0DgbbIFmJH+3GRYdHjz" +
    "5z+5wy7wbwDAgiQG",
  pages:
    "G38I+I2ULuIe/Ofu3efWWhB4QJGEkEbFGGhyiVQFrLABx6MONAwksy+EZQAIHGPRczdAaCTkWu/d4WgkV1bTRSNym9f/" +
    "fEJuAQ==",
  synced: "iwmAR1JGVAEAAAAoBAAAAAAAAEjOdGQD",
};

it("a store of the format before opens with all that is in it, and goes on in the new one", () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory(directory);
  for (const [name, content] of Object.entries(FILES)) {
    const file = disk.open(`${directory}/${name}`, "create");
    file.write(brotliDecompressSync(Buffer.from(content, "base64")), 0);
    file.sync();
    file.close();
  }
  disk.syncDirectory(directory);
  let store = openLocalStore({ fileSystem: disk, directory, volumeId });
  for (let opened = 0; opened < 2; opened++) {
    expect([1, 2, 3, 4, 5].map((at) => readOne(store, at))).toEqual([1, 22, 0, 44, 55]);
    expect(store.state().pending.map(({ message }) => message)).toEqual(["work", undefined]);
    expect(store.state().push).toMatchObject({ toVersion: 3, commitCount: 2 });
    store.close();
    disk.crash(0);
    store = openLocalStore({ fileSystem: disk, directory, volumeId });
  }
  const pages = new Map([[toPageIndex(1), new Uint8Array(PAGE_SIZE).fill(11)]]);
  store.commitLocal({ pageCount: toPageCount(5), pages });
  expect(disk.list(directory)).not.toContain("log-00000001");
  store.close();
});

function readOne(store: LocalStore, at: number): number | "absent" | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const pin = store.pin();
  const kind = store.read(pin, toPageIndex(at), target);
  pin.close();
  return kind === "absent" ? kind : target[0];
}

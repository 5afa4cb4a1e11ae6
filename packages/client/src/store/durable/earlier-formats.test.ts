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
const VERSION_1: Readonly<Record<string, string>> = {
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

/**
 * A store as format version 2 had it: the same, with a message and a transaction id, two commits
 * more in the index, one after the push was prepared, and a segment of the push.
 */
const VERSION_2: Readonly<Record<string, string>> = {
  "index-00000002":
    "G7UBOC4O7IbPLyAaTrUagcCHn8fz9ffs7N23Mx8CKQgs0Zo8TxtvPAyAEwuk8n8tADbgwCPbcACbFpjkLMaTyhYpYjc4" +
    "pgKMLZF8pMknGITmYQNOsgWG5Ul+3qXz7RoC4QUAOAYM4L0D4I4HMKgCFKAhFAJobPiUEy0EPsQiSwEAhcGJg+cndQ32" +
    "sxmYCrCadA55KINgAEEjgIWFAAo/BGj8Wb5v",
  "log-00000002":
    "GycEAK4KbGNa0Ie2jDQMXpSiGF4h9xdsLoj6/XTfhUCDIxv/VSYK2WaigFwmEgooHJGsRhCmDsihrW4AOMbJLfsAsF8L" +
    "nDmFqCXx2QUILMkgqFu899gTcBwFFof42gnFZ1FAN2FEjQfyWhpK4ymlNzQepyjZweEDRQuRUkoQABjhN694SKtO7Tdg" +
    "eWc+pyCMGBtZBfN2ro1w9ycdGEByQLQOvF4RGL0+uqQBZyxcReuU1BXCfbBebQa6+J0DnoW0sufzcKAykLpPfgcAlh9K" +
    "DehTl0JbOlvYVCuDx0e9dCq44fHAmxASxaDvv2lPFMPMULV5IzBsIyjIgR7+rSfbV6zjLOgDYNzlnxtEGK0fSfj28oRP" +
    "HZSYQLoaXfcaAA==",
  pages:
    "G58K+MX/uvX2727nBXx6mkBgkaRZ4yGeoN0eBxtwPOpAw0Ay+0JYBoDAMeY8QcMACOoS5LLefbA2GsklG4+0lhpJbmXP" +
    "37+kIXIT76R/rUBuCQ==",
  "process-0": "iwuAR1JGVAEAAAABAAAAQAAAAAAAAADKKONQAw==",
  synced: "Gz8A+B8H7r4D9HTHaVhFkLfzQcpKUemmdSYoUemKQCMzbJ9TlHmgqgEYePtoM1AAZ3Wzvt+PRPUA",
};

function diskWith(files: Readonly<Record<string, string>>): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.makeDirectory(directory);
  for (const [name, content] of Object.entries(files)) {
    const file = disk.open(`${directory}/${name}`, "create");
    file.write(brotliDecompressSync(Buffer.from(content, "base64")), 0);
    file.sync();
    file.close();
  }
  disk.syncDirectory(directory);
  return disk;
}

it("a store of format 1 opens with all that is in it, and goes on in the new one", () => {
  const disk = diskWith(VERSION_1);
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

it("a store of format 2 opens with all that is in it, and goes on in the new one", () => {
  const disk = diskWith(VERSION_2);
  let store = openLocalStore({ fileSystem: disk, directory, volumeId });
  for (let opened = 0; opened < 2; opened++) {
    expect([1, 2, 3, 4, 5].map((at) => readOne(store, at))).toEqual([1, 22, 0, 45, 55]);
    const { pending, push } = store.state();
    const [first, ...others] = pending;
    expect(first).toMatchObject({ message: "work", appTransactionId: "tx-1" });
    expect(others.map(({ message }) => message)).toEqual([
      undefined,
      undefined,
      undefined,
      "later",
    ]);
    expect(pending.every(({ reads, replay }) => reads === undefined && replay === undefined)).toBe(
      true,
    );
    expect(push).toMatchObject({ toVersion: 5, commitCount: 4 });
    expect(push?.uploaded).toMatchObject([{ sizeBytes: 700 }]);
    store.close();
    disk.crash(0);
    store = openLocalStore({ fileSystem: disk, directory, volumeId });
  }
  const replay = Uint8Array.of(1, 2, 3);
  const pages = new Map([[toPageIndex(1), new Uint8Array(PAGE_SIZE).fill(11)]]);
  store.commitLocal({ pageCount: toPageCount(5), pages, replay });
  expect(store.state().pending.at(-1)?.replay).toEqual(replay);
  expect(disk.list(directory)).not.toContain("log-00000002");
  store.close();
});

function readOne(store: LocalStore, at: number): number | "absent" | undefined {
  const target = new Uint8Array(PAGE_SIZE);
  const pin = store.pin();
  const kind = store.read(pin, toPageIndex(at), target);
  pin.close();
  return kind === "absent" ? kind : target[0];
}

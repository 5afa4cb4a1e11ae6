import { GraftError, pageRange, toPageCount, toPageIndex, toPageSize } from "@graft/core";
import { expect, test } from "vitest";
import { LocalWriter, type WriterHooks } from "./local-writer.ts";
import type { LocalStore } from "./store/local-store.ts";
import type { VolumeReader } from "./volume-reader.ts";

const PAGE_COUNT = toPageCount(2);

/** A writer on a store that another process keeps busy. */
function openWriter(hooks: Partial<WriterHooks>): LocalWriter {
  const base = {
    pageSize: toPageSize(512),
    pageCount: PAGE_COUNT,
    read: () => false,
    close: () => undefined,
  } as unknown as VolumeReader;
  const store = {
    state: () => ({ pageCount: PAGE_COUNT }),
    commitLocal: () => {
      throw new GraftError("busy", "another process has the log");
    },
  } as unknown as LocalStore;
  const idle: WriterHooks = {
    mustBeOpen: () => undefined,
    hasChange: () => false,
    letNewsIn: () => undefined,
    openReader: () => base,
    onCommitted: () => undefined,
    onEnd: () => undefined,
  };
  const writer = new LocalWriter(base, store, { ...idle, ...hooks });
  writer.write(toPageIndex(1), new Uint8Array(512));
  return writer;
}

test("a commit that finds the store busy may be tried again", () => {
  const writer = openWriter({});
  expect(() => writer.commit({ pageCount: PAGE_COUNT })).toThrow(
    expect.objectContaining({ code: "busy" }),
  );
});

test("not so on news that was let in below it: the transaction has to be run again", () => {
  const writer = openWriter({ letNewsIn: () => pageRange(2, 2) });
  expect(() => writer.commit({ pageCount: PAGE_COUNT })).toThrow(
    expect.objectContaining({ code: "busy-snapshot" }),
  );
});

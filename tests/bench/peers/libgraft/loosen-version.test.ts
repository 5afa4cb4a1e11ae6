import { expect, test } from "vitest";
import { markWeak } from "./loosen-version.ts";

/** A file of two sections: names, and wishes for two versions of one library. */
function createElf(): { readonly file: Uint8Array; readonly flags: readonly [number, number] } {
  const file = new Uint8Array(512);
  const view = new DataView(file.buffer);
  const names = new TextEncoder().encode("\0GLIBC_2.17\0GLIBC_2.39\0");
  file.set(names, 0x40);
  view.setBigUint64(0x28, 0x100n, true);
  view.setUint16(0x3a, 0x40, true);
  view.setUint16(0x3c, 2, true);
  view.setBigUint64(0x100 + 0x18, 0x40n, true);
  view.setUint32(0x140 + 4, 0x6ffffffe, true);
  view.setBigUint64(0x140 + 0x18, 0x80n, true);
  // A library with two wishes, 16 bytes each, right behind it.
  view.setUint16(0x80 + 2, 2, true);
  view.setUint32(0x80 + 8, 16, true);
  view.setUint32(0x90 + 8, 1, true);
  view.setUint32(0x90 + 12, 16, true);
  view.setUint32(0xa0 + 8, 12, true);
  return { file, flags: [0x90 + 4, 0xa0 + 4] };
}

test("only the named version is marked, and only in the copy", () => {
  const { file, flags } = createElf();
  const marked = markWeak(file, "GLIBC_2.39");
  expect(flags.map((at) => marked[at])).toEqual([0, 2]);
  expect(flags.map((at) => file[at])).toEqual([0, 0]);
});

test("a file that does not ask for the version stays as it is", () => {
  const { file } = createElf();
  expect(markWeak(file, "GLIBC_2.40")).toEqual(file);
});

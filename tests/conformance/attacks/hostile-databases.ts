/** SQLite files made to harm who reads them, each by one change to a sound one. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Of all of them, bytes. */
export const HOSTILE_PAGE_SIZE = 512;
const PAGE_SIZE: number = HOSTILE_PAGE_SIZE;

/** Made by stock SQLite, with pages of 512 bytes. */
export function makeDatabase(sql: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "graft-attack-"));
  try {
    const file = join(folder, "a.db");
    const db = new DatabaseSync(file);
    db.exec(`pragma page_size = ${PAGE_SIZE}; ${sql}`);
    db.close();
    return new Uint8Array(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The sound one. */
export const BASE: Uint8Array = makeDatabase(`
  create table item (id integer primary key, name text, body);
  create index item_name on item (name);
  create table pair (a, b, primary key (a, b)) without rowid;
  with recursive n (i) as (select 1 union all select i + 1 from n where i < 900)
    insert into item select i, 'item ' || (i * 7919 % 907), null from n;
  insert into item values (1000, 'long', zeroblob(9000));
  insert into pair select id, name from item;
  create table gone (x); insert into gone values (zeroblob(20000)); drop table gone;`);

const pageOf = (index: number): number => (index - 1) * PAGE_SIZE;
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset);

/** The first page, from page 2 on, whose b-tree type is this. */
function findPage(bytes: Uint8Array, type: number): number {
  for (let index = 2; pageOf(index) < bytes.length; index++) {
    if (bytes[pageOf(index)] === type) return index;
  }
  throw new Error(`no page of type ${type}`);
}

const TABLE_INTERIOR = 5;
const INDEX_INTERIOR = 2;
const TABLE_LEAF = 13;

/** What is wrong with it, and how that comes about. */
export const HOSTILE: readonly (readonly [string, (bytes: Uint8Array) => void])[] = [
  [
    "a b-tree page that is its own right child",
    (bytes) => {
      const page = findPage(bytes, TABLE_INTERIOR);
      view(bytes).setUint32(pageOf(page) + 8, page);
    },
  ],
  [
    "a b-tree page whose child is page 1",
    (bytes) => {
      view(bytes).setUint32(pageOf(findPage(bytes, TABLE_INTERIOR)) + 8, 1);
    },
  ],
  [
    "an index whose every child is itself",
    (bytes) => {
      const page = findPage(bytes, INDEX_INTERIOR);
      const at = pageOf(page);
      view(bytes).setUint32(at + 8, page);
      const cells = view(bytes).getUint16(at + 3);
      for (let cell = 0; cell < cells; cell++) {
        view(bytes).setUint32(at + view(bytes).getUint16(at + 12 + 2 * cell), page);
      }
    },
  ],
  [
    "a child beyond the end",
    (bytes) => {
      view(bytes).setUint32(pageOf(findPage(bytes, TABLE_INTERIOR)) + 8, 0xffff_fffe);
    },
  ],
  [
    "a child 0",
    (bytes) => {
      view(bytes).setUint32(pageOf(findPage(bytes, TABLE_INTERIOR)) + 8, 0);
    },
  ],
  [
    "a freelist that goes round",
    (bytes) => {
      const trunk = view(bytes).getUint32(32);
      view(bytes).setUint32(pageOf(trunk), trunk);
    },
  ],
  [
    "a freelist with 2^32 − 1 leaves",
    (bytes) => {
      view(bytes).setUint32(pageOf(view(bytes).getUint32(32)) + 4, 0xffff_ffff);
    },
  ],
  [
    "a freelist that names the schema",
    (bytes) => {
      view(bytes).setUint32(pageOf(view(bytes).getUint32(32)) + 8, 1);
    },
  ],
  [
    "cells outside the page",
    (bytes) => {
      view(bytes).setUint16(pageOf(findPage(bytes, TABLE_LEAF)) + 8, PAGE_SIZE - 1);
    },
  ],
  [
    "65,535 cells",
    (bytes) => {
      view(bytes).setUint16(pageOf(findPage(bytes, TABLE_LEAF)) + 3, 0xffff);
    },
  ],
  [
    "a free block that goes round",
    (bytes) => {
      const at = pageOf(findPage(bytes, TABLE_LEAF));
      view(bytes).setUint16(at + 1, 400);
      view(bytes).setUint16(at + 400, 400);
    },
  ],
  [
    "a payload of 2^63 bytes",
    (bytes) => {
      const at = pageOf(findPage(bytes, TABLE_LEAF));
      const cell = at + view(bytes).getUint16(at + 8);
      bytes.fill(0xff, cell, cell + 9);
    },
  ],
  ["a page count of 2^32 − 2", (bytes) => view(bytes).setUint32(28, 0xffff_fffe)],
  ["a page size of 2", (bytes) => view(bytes).setUint16(16, 2)],
  ["a page size of 65536 said as 1, with pages of 512", (bytes) => view(bytes).setUint16(16, 1)],
  [
    "255 reserved bytes of 512",
    (bytes) => {
      bytes[20] = 255;
    },
  ],
  [
    "a root page in the freelist",
    (bytes) => {
      view(bytes).setUint32(32, 2);
    },
  ],
  [
    "a schema that is not one",
    (bytes) => {
      bytes.fill(0xff, 300, PAGE_SIZE);
    },
  ],
];

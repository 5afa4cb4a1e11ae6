/** Text that people and programs hand in: ids, LSNs, bookmarks, object keys, head hints, SQL. */
import {
  createClientId,
  createCommitId,
  createSegmentId,
  createVolumeId,
  formatBookmark,
  formatLsnHex,
  type GraftErrorCode,
  LSN_LAST,
  parseBookmark,
  parseClientId,
  parseCommitId,
  parseLsn,
  parseLsnHex,
  parseSegmentId,
  parseVolumeId,
  toLsn,
} from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import {
  checkpointBlocksKey,
  checkpointBlocksName,
  checkpointRootKey,
  decodeHeadHint,
  encodeHeadHint,
  headKey,
  logKey,
  type ObjectKey,
  parseObjectKey,
  segmentKey,
  volumeKey,
} from "@graft/format";
import { splitSql } from "@graft/sqlite";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt, mustBeBytes } from "../oracle.ts";

const INVALID: readonly GraftErrorCode[] = ["invalid-argument"];
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** Each reads a text and gives its one canonical spelling. */
const PARSERS: readonly ((text: string) => string)[] = [
  parseVolumeId,
  parseSegmentId,
  parseClientId,
  parseCommitId,
  (text) => formatLsnHex(parseLsnHex(text)),
  (text) => formatBookmark(parseBookmark(text)),
];

export const namesTarget: FuzzTarget = {
  name: "names",
  count: 12_000,
  async seeds(random) {
    const ids = { random, clock: new SimulatedClock() };
    const volumeId = createVolumeId(ids);
    const texts: string[] = [volumeId, createSegmentId(ids), createClientId(ids)];
    texts.push(createCommitId(random), formatLsnHex(LSN_LAST), "18446744073709551615", "1");
    texts.push(formatBookmark({ volumeId, lsn: toLsn(77n) }));
    return texts.map((text) => encoder.encode(text));
  },
  async run(bytes) {
    const text = decoder.decode(bytes);
    let isAccepted = false;
    for (const parse of PARSERS) {
      const spelling = await attempt(() => parse(text), INVALID);
      if (spelling === undefined) continue;
      if (spelling !== text) throw new Error(`"${text}" is a second spelling of "${spelling}"`);
      isAccepted = true;
    }
    const lsn = await attempt(() => parseLsn(text), INVALID);
    if (lsn !== undefined && String(lsn) !== text.replace(/^0+/, ""))
      throw new Error("another LSN");
    return isAccepted || lsn !== undefined;
  },
};

export const objectKeyTarget: FuzzTarget = {
  name: "object-key",
  count: 4000,
  async seeds(random) {
    const ids = { random, clock: new SimulatedClock() };
    const [volumeId, lsn] = [createVolumeId(ids), toLsn(300n)];
    const blocks = checkpointBlocksName(lsn, new Uint8Array(8));
    return [
      volumeKey(volumeId),
      logKey(volumeId, lsn),
      segmentKey(volumeId, createSegmentId(ids)),
      checkpointRootKey(volumeId, lsn),
      checkpointBlocksKey(volumeId, blocks),
      headKey(volumeId),
    ].map((key) => encoder.encode(key));
  },
  async run(bytes) {
    const key = decoder.decode(bytes);
    const parsed = parseObjectKey(key);
    if (parsed === undefined) return false;
    if (keyOf(parsed) !== key) throw new Error(`"${key}" is a second spelling`);
    return true;
  },
};

function keyOf(key: ObjectKey): string {
  switch (key.kind) {
    case "volume":
      return volumeKey(key.volumeId);
    case "commit":
      return logKey(key.volumeId, key.lsn);
    case "segment":
      return segmentKey(key.volumeId, key.segmentId);
    case "checkpoint-root":
      return checkpointRootKey(key.volumeId, key.lsn);
    case "checkpoint-blocks":
      return checkpointBlocksKey(key.volumeId, key.name);
    case "head":
      return headKey(key.volumeId);
  }
}

export const headHintTarget: FuzzTarget = {
  name: "head-hint",
  count: 3000,
  seeds: async () => [encodeHeadHint(toLsn(1n)), encodeHeadHint(LSN_LAST)],
  async run(bytes) {
    const lsn = decodeHeadHint(bytes);
    if (lsn === undefined) return false;
    mustBeBytes(encodeHeadHint(lsn), bytes, "what is accepted is canonical");
    return true;
  },
};

export const sqlTextTarget: FuzzTarget = {
  name: "sql-text",
  count: 3000,
  seeds: async () =>
    [
      "select 1; select ';' -- ;\n; /* ; */ select \"a;b\", [c;d], `e;f`;",
      "create trigger t after insert on a begin select 1; select 2; end; select x'00'",
      "begin; insert into a values (?, :b, @c, $d); commit",
    ].map((sql) => encoder.encode(sql)),
  async run(bytes) {
    splitSql(decoder.decode(bytes));
    return true;
  },
};

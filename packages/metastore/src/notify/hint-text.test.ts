import { createVolumeId, LSN_LAST } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HintMessage } from "./hint-bus.ts";
import { decodeHint, encodeHint } from "./hint-text.ts";

const volumeId = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(1) });
const nodeId = "0123456789abcdef";
const MESSAGES: readonly HintMessage[] = [
  { kind: "hint", nodeId, sequence: 999_999_999_999_999, volumeId, lsn: LSN_LAST },
  { kind: "beat", nodeId, sequence: 0 },
  { kind: "farewell", nodeId },
];

describe("a hint in words", () => {
  test("is read as it was written, the greatest too", () => {
    for (const message of MESSAGES) {
      expect(decodeHint("a.b", encodeHint("a.b", message))).toEqual(message);
    }
  });

  test.each([
    ["graft.hint.x", `${nodeId} 1 1`],
    [`graft.hint.${volumeId}`, `${nodeId} 1 0`],
    [`graft.hint.${volumeId}`, `${nodeId} 1`],
    [`graft.hint.${volumeId}.x`, `${nodeId} 1 1`],
    [`graft.hint.${volumeId}`, `${nodeId} 1 1 1`],
    [`graft.hint.${volumeId}`, `${nodeId} -1 1`],
    [`graft.hint.${volumeId}`, "NODE 1 1"],
    [`other.hint.${volumeId}`, `${nodeId} 1 1`],
    ["graft.beat", nodeId],
    ["graft.farewell", `${nodeId} ${"1".repeat(60)}`],
    ["graft", nodeId],
  ])("%s %j is none", (subject, payload) => {
    expect(decodeHint("graft", { subject, payload })).toBeUndefined();
  });

  test("whatever comes never throws", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (subject, payload) => {
        decodeHint("graft", { subject: `graft.${subject}`, payload });
        decodeHint("graft", { subject: `graft.hint.${volumeId}`, payload: `${nodeId} ${payload}` });
      }),
    );
  });
});

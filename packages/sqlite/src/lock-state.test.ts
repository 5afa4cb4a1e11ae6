import { InvariantError } from "@graft/core";
import { describe, expect, test } from "vitest";
import {
  type LockEvent,
  type LockEventKind,
  type LockState,
  type LockStateKind,
  nextLockState,
} from "./lock-state.ts";

const STATES: { readonly [K in LockStateKind]: LockState<string, string> } = {
  idle: { kind: "idle" },
  shared: { kind: "shared", reader: "r1" },
  reserved: { kind: "reserved", reader: "r1", writer: "w1" },
  exclusive: { kind: "exclusive", reader: "r1", writer: "w1" },
  committed: { kind: "committed", reader: "r2" },
};

const EVENTS: { readonly [K in LockEventKind]: LockEvent<string, string> } = {
  share: { kind: "share", reader: "r9" },
  reserve: { kind: "reserve", writer: "w9" },
  exclude: { kind: "exclude" },
  commit: { kind: "commit", reader: "r9" },
  reopen: { kind: "reopen", writer: "w9" },
  downgrade: { kind: "downgrade" },
  release: { kind: "release" },
};

const never = "never";
const shared = (reader: string): LockState<string, string> => ({ kind: "shared", reader });
const exclusive: LockState<string, string> = { kind: "exclusive", reader: "r1", writer: "w1" };
const idle: LockState<string, string> = { kind: "idle" };
const committed: LockState<string, string> = { kind: "committed", reader: "r9" };

const TABLE: Readonly<
  Record<LockStateKind, Record<LockEventKind, LockState<string, string> | "never">>
> = {
  idle: {
    share: shared("r9"),
    reserve: never,
    exclude: never,
    commit: never,
    reopen: never,
    downgrade: never,
    release: idle,
  },
  shared: {
    share: never,
    reserve: { kind: "reserved", reader: "r1", writer: "w9" },
    exclude: never,
    commit: never,
    reopen: never,
    downgrade: shared("r1"),
    release: idle,
  },
  reserved: {
    share: never,
    reserve: never,
    exclude: exclusive,
    commit: committed,
    reopen: never,
    downgrade: shared("r1"),
    release: idle,
  },
  exclusive: {
    share: never,
    reserve: never,
    exclude: exclusive,
    commit: committed,
    reopen: never,
    downgrade: shared("r1"),
    release: idle,
  },
  committed: {
    share: never,
    reserve: never,
    exclude: never,
    commit: never,
    reopen: { kind: "exclusive", reader: "r2", writer: "w9" },
    downgrade: shared("r2"),
    release: idle,
  },
};

const CELLS = Object.entries(TABLE).flatMap(([state, row]) =>
  Object.entries(row).map(([event, expected]) => ({
    state: STATES[state as LockStateKind],
    event: EVENTS[event as LockEventKind],
    expected,
  })),
);

describe("the lock state of a volume file", () => {
  test.each(CELLS)("$state.kind on $event.kind gives $expected", ({ state, event, expected }) => {
    if (expected === never) {
      const both = new RegExp(`"${state.kind}".*"${event.kind}"`);
      expect(() => nextLockState(state, event)).toThrow(both);
      expect(() => nextLockState(state, event)).toThrow(InvariantError);
    } else {
      expect(nextLockState(state, event)).toEqual(expected);
    }
  });
});

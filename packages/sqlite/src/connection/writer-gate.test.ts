import { SimulatedClock, settle } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { type GateMode, WriterGate } from "./writer-gate.ts";

function setUp() {
  const clock = new SimulatedClock();
  const gate = new WriterGate(clock);
  const log: string[] = [];
  const enter = (name: string, mode: GateMode, signal?: AbortSignal): Promise<void> =>
    gate.enter({ mode, timeoutMs: 1000, signal }).then(
      () => void log.push(name),
      (error: unknown) => void log.push(`${name}: ${error}`),
    );
  return { clock, gate, log, enter };
}

describe("the gate to the writing connection", () => {
  test("lets plain statements in together, and a transaction alone", async () => {
    const { gate, log, enter } = setUp();
    void enter("a", "shared");
    void enter("b", "shared");
    void enter("c", "alone");
    await settle();
    expect(log).toEqual(["a", "b"]);
    gate.leave("shared");
    await settle();
    expect(log).toEqual(["a", "b"]);
    gate.leave("shared");
    await settle();
    expect(log).toEqual(["a", "b", "c"]);
    expect(gate.tryEnter("shared")).toBe(false);
    gate.leave("alone");
    expect(gate.isBusy).toBe(false);
  });

  test("keeps the order of arrival, so that nobody starves", async () => {
    const { gate, log, enter } = setUp();
    void enter("a", "shared");
    void enter("b", "alone");
    void enter("c", "shared");
    await settle();
    expect(log).toEqual(["a"]);
    gate.leave("shared");
    await settle();
    expect(log).toEqual(["a", "b"]);
    gate.leave("alone");
    await settle();
    expect(log).toEqual(["a", "b", "c"]);
  });

  test("who waits too long gets SQLITE_BUSY and no longer stands in the way", async () => {
    const { clock, gate, log, enter } = setUp();
    void enter("a", "shared");
    const b = enter("b", "alone");
    await settle();
    clock.advance(999);
    void enter("c", "shared");
    await settle();
    expect(log).toEqual(["a"]);
    clock.advance(1);
    await b;
    await settle();
    expect(log[1]).toMatch(/^b: SqliteError: another transaction .* has been open for 1000 ms/);
    expect(log[2]).toBe("c");
    gate.leave("shared");
    gate.leave("shared");
    expect(gate.isBusy).toBe(false);
  });

  test("who is aborted leaves the queue", async () => {
    const { gate, log, enter } = setUp();
    void enter("a", "alone");
    const abort = new AbortController();
    void enter("b", "alone", abort.signal);
    void enter("c", "alone");
    await settle();
    abort.abort(new Error("enough"));
    await settle();
    expect(log).toEqual(["a", "b: Error: enough"]);
    gate.leave("alone");
    await settle();
    expect(log[2]).toBe("c");
    expect(() => gate.leave("shared")).toThrow(/who leaves had entered/);
  });
});

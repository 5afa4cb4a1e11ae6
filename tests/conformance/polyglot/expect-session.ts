/** Holds a run of a program against the contract, but for what its library cannot do. */
import { expect } from "vitest";
import { type Compression, EXPECTED, type Protocol, STEPS, type Step } from "./contract.ts";
import type { Program } from "./program.ts";
import type { ProgramRun } from "./run-program.ts";

/** A session sends 8 MiB of pages that all are the same, and gets 16 KiB of them. */
const SENT_BYTES_MAX: number = 1024 * 1024;
const RECEIVED_BYTES_MAX: number = 16 * 1024;

/** What went over its connections. */
export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Why a library cannot do something; undefined: it can. */
export function gapOf(
  { gaps }: Program,
  protocol: Protocol,
  what: Step | Compression,
): string | undefined {
  const candidates = gaps.filter((gap) => gap.what === what);
  return candidates.find((gap) => (gap.protocol ?? protocol) === protocol)?.reason;
}

/** Every step as the contract says it, in order. */
export function expectSteps(run: ProgramRun, program: Program, protocol: Protocol): void {
  const { code, reports, stderr } = run;
  expect(code, `${JSON.stringify(reports.at(-1))} ${stderr}`).toBe(0);
  expect(reports.map(({ step }) => step)).toEqual(STEPS);
  for (const [at, step] of STEPS.entries()) {
    const reason = gapOf(program, protocol, step);
    const full = { ...EXPECTED[step], ...program.reports?.[step] };
    const expected = reason === undefined ? full : { skipped: reason };
    expect(reports[at]).toMatchObject({ step, ok: true, ...expected });
    if (reason === undefined) expect(reports[at]).not.toHaveProperty("skipped");
  }
}

/** Compressed, both ways, unless the library cannot; then it must not look as if it could. */
export function expectCompression(traffic: Traffic, program: Program, protocol: Protocol): void {
  const can = (what: Compression): boolean => gapOf(program, protocol, what) === undefined;
  const { sentBytes, receivedBytes } = traffic;
  expect(sentBytes < SENT_BYTES_MAX, `${sentBytes} bytes sent`).toBe(can("compressed requests"));
  expect(receivedBytes < RECEIVED_BYTES_MAX, `${receivedBytes} bytes received`).toBe(
    can("compressed answers"),
  );
}

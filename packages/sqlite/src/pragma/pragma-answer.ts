import { encodeHex, GraftError } from "@graft/core";
import { type PragmaAnswer, SQLITE_ERROR } from "@graft/sqlite-engine";

/** A text answer. */
export function textAnswer(text: string): PragmaAnswer {
  return { kind: "value", text };
}

/** A JSON answer. Bigints become numbers where they are exact, else decimal text. */
export function jsonAnswer(value: unknown): PragmaAnswer {
  return textAnswer(toJson(value));
}

/** A JSON answer that takes time. */
export function asyncJsonAnswer(run: (signal: AbortSignal) => Promise<unknown>): PragmaAnswer {
  return { kind: "async", run: async (signal) => toJson(await run(signal)) };
}

/** The statement fails with this message. */
export function errorAnswer(message: string): PragmaAnswer {
  return { kind: "error", code: SQLITE_ERROR, message };
}

/** JSON for programs that read pragmas: no bigint, and `undefined` left out. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === "bigint") return toJsonNumber(member);
    if (member instanceof Uint8Array) return `x'${encodeHex(member)}'`;
    if (member instanceof GraftError) return { code: member.code, message: member.message };
    return member;
  });
}

function toJsonNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

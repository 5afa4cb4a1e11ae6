import { GraftError } from "./error.ts";

declare const brand: unique symbol;

/** Log sequence number: 1 … 2^64−1, gap-free per volume. */
export type Lsn = bigint & { readonly [brand]: "Lsn" };

export const LSN_FIRST: Lsn = toLsn(1n);
export const LSN_LAST: Lsn = toLsn(0xffff_ffff_ffff_ffffn);

/** @throws GraftError `invalid-argument` outside 1 … 2^64−1 */
export function toLsn(value: bigint): Lsn {
  if (value < 1n || value > 0xffff_ffff_ffff_ffffn) {
    throw new GraftError("invalid-argument", `invalid LSN ${value}: expected 1 … 2^64−1`);
  }
  return value as Lsn;
}

/** The LSN after this one. Without one, the first. */
export function nextLsn(lsn: Lsn | undefined): Lsn {
  return lsn === undefined ? LSN_FIRST : toLsn(lsn + 1n);
}

/** 16 lower-case hex digits: string order is number order. */
export function formatLsnHex(lsn: Lsn): string {
  return lsn.toString(16).padStart(16, "0");
}

/** Reads what `formatLsnHex` wrote. @throws GraftError `invalid-argument` */
export function parseLsnHex(text: string): Lsn {
  if (!/^[0-9a-f]{16}$/.test(text)) {
    throw new GraftError("invalid-argument", `invalid LSN "${text}": expected 16 hex digits`);
  }
  return toLsn(BigInt(`0x${text}`));
}

/** An LSN as people write it: decimal. @throws GraftError `invalid-argument` */
export function parseLsn(text: string): Lsn {
  if (!/^[0-9]{1,20}$/.test(text)) {
    throw new GraftError(
      "invalid-argument",
      `invalid LSN "${text}": expected a decimal number ≥ 1`,
    );
  }
  return toLsn(BigInt(text));
}

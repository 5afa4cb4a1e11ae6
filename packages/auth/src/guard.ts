/**
 * Who calls? Each token is verified once, then remembered by its hash until it ends, or the keys
 * change:
 *
 *     token ──▶ remembered? ── yes ──▶ still within its time? ──▶ caller
 *                  │ no
 *                  ├─ v4.local… ──▶ each key of the ring
 *                  └─ a JWT ──────▶ the provider's keys
 */
import {
  type Clock,
  type Compute,
  concatBytes,
  encodeHex,
  type GraftError,
  isGraftError,
} from "@graft/core";
import { sha256 } from "@noble/hashes/sha2.js";
import { Allowances } from "./allowance.ts";
import type { Caller } from "./caller.ts";
import { believedClaims, type Claims, checkTimes, unauthenticated } from "./claims.ts";
import { isJwt, type JwtOptions, verifyJwt } from "./jwt.ts";
import type { KeyRing } from "./key-ring.ts";
import type { LocalKey } from "./local-key.ts";
import { openToken, PASETO_HEADER } from "./paseto.ts";

/** Judges tokens for a service. */
export interface Guard {
  /** Whether tokens are asked for at all. */
  readonly isOpen: boolean;
  /** What was written under limits: one for all services of a process. */
  readonly allowances: Allowances;
  /**
   * @throws GraftError `unauthenticated`: there is none, or it is not valid (now) · `unavailable`:
   *   an identity provider's keys cannot be had
   */
  authenticate(token: string | undefined): Caller | Promise<Caller>;
  /**
   * Resolves with the reason when a caller's token is no longer valid: its time is over, or its key
   * is gone. Rejects when the signal is aborted.
   */
  whenInvalid(caller: Caller, signal: AbortSignal): Promise<GraftError>;
}

/** Lets everybody do everything: a server without keys. */
export const OPEN_GUARD: Guard = {
  isOpen: true,
  allowances: new Allowances(),
  authenticate: (token) => ({ claims: {}, token, tokenName: "" }),
  whenInvalid: (_caller, signal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
};

export interface TokenGuardOptions {
  /** Keys of PASETO tokens. Absent: none of them is accepted. */
  readonly keyRing?: KeyRing | undefined;
  /** Absent: no JWT is accepted. */
  readonly jwt?: JwtOptions | undefined;
  readonly clock: Clock;
  /** Hashes tokens, each time they come. Default: in JavaScript, which takes four times as long. */
  readonly compute?: Pick<Compute, "sha256"> | undefined;
  /** Between looks at the token of a stream, ms. Default 5 s. */
  readonly recheckMs?: number | undefined;
}

/** Text of a token at most; a scope takes some 100. */
export const TOKEN_LENGTH_MAX = 8192;
const RECHECK_MS_DEFAULT = 5000;
/** Callers remembered: at ≈ 1 KiB each, 4 MiB. */
const CALLER_COUNT_MAX = 4096;
/** How long a JWT is believed without another look at its provider's keys, ms. */
const JWT_BELIEVED_MS = 300_000;

/** One list for all: another one says that the keys have changed. */
const NO_KEYS: readonly LocalKey[] = [];

const UTF8 = new TextEncoder();
const IN_JAVASCRIPT: Pick<Compute, "sha256"> = { sha256: (...parts) => sha256(concatBytes(parts)) };

interface Known {
  readonly caller: Caller;
  /** Monotonic ms. */
  readonly untilMs: number;
}

export class TokenGuard implements Guard {
  readonly isOpen: boolean = false;
  readonly allowances: Allowances = new Allowances();
  readonly #options: TokenGuardOptions;
  readonly #known = new Map<string, Known>();
  #keys: readonly LocalKey[] = NO_KEYS;

  constructor(options: TokenGuardOptions) {
    this.#options = options;
  }

  authenticate(token: string | undefined): Caller | Promise<Caller> {
    if (token === undefined) {
      throw unauthenticated("no token: send one as authorization: Bearer …");
    }
    if (token.length > TOKEN_LENGTH_MAX) {
      throw unauthenticated(`a token of ${token.length} characters: at most ${TOKEN_LENGTH_MAX}`);
    }
    const { clock, keyRing, compute = IN_JAVASCRIPT } = this.#options;
    const keys = keyRing?.keys() ?? NO_KEYS;
    if (keys !== this.#keys) {
      // What a key that is gone has vouched for is forgotten with it.
      this.#known.clear();
      this.#keys = keys;
    }
    const name = encodeHex(compute.sha256(UTF8.encode(token)).subarray(0, 16));
    const known = this.#known.get(name);
    if (known !== undefined && clock.monotonicMs() < known.untilMs) {
      checkTimes(known.caller.claims, clock.nowMs());
      return known.caller;
    }
    if (token.startsWith(PASETO_HEADER)) {
      return this.#admit(openWith(token, keys), token, name, Number.POSITIVE_INFINITY);
    }
    const { jwt } = this.#options;
    if (jwt === undefined || !isJwt(token)) throw unauthenticated("the token is of no known kind");
    const untilMs = clock.monotonicMs() + JWT_BELIEVED_MS;
    return verifyJwt(token, jwt).then((claims) => this.#admit(claims, token, name, untilMs));
  }

  async whenInvalid(caller: Caller, signal: AbortSignal): Promise<GraftError> {
    const { clock, recheckMs = RECHECK_MS_DEFAULT } = this.#options;
    for (;;) {
      const leftMs = (caller.claims.expiresMs ?? Number.POSITIVE_INFINITY) - clock.nowMs();
      await clock.sleep(Math.max(1, Math.min(leftMs, recheckMs)), signal);
      try {
        checkTimes(caller.claims, clock.nowMs());
        await this.authenticate(caller.token);
      } catch (error) {
        // While it cannot be judged, what was said of it holds until its end.
        if (isGraftError(error, "unauthenticated")) return error;
      }
    }
  }

  #admit(claims: Claims, token: string, name: string, untilMs: number): Caller {
    checkTimes(claims, this.#options.clock.nowMs());
    const caller: Caller = { claims, token, tokenName: name };
    this.#known.delete(name);
    this.#known.set(name, { caller, untilMs });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= CALLER_COUNT_MAX) break;
      this.#known.delete(oldest);
    }
    return caller;
  }
}

function openWith(token: string, keys: readonly LocalKey[]): Claims {
  for (const key of keys) {
    const payload = openToken(token, key);
    if (payload !== undefined) return claimsOf(payload);
  }
  throw unauthenticated("the token does not verify with any key of this server");
}

function claimsOf(payload: string): Claims {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    throw unauthenticated("the token's payload is no JSON");
  }
  return believedClaims(value);
}

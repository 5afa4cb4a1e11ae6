import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  type Interceptor,
} from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { nothingWritten, toConnectError } from "../error-mapping.ts";

/** Case-sensitive, with one space, as v0.1 has it. */
const PREFIX = "Bearer ";

/** The token of the next call; absent: none is sent. */
export type GetToken = () => string | undefined | Promise<string | undefined>;

/**
 * Client: sends the token with every call. `getToken` is asked each time, so that it may be
 * renewed; when it fails, so does the call, as `unauthenticated`.
 */
export function sendTokenInterceptor(getToken: GetToken): Interceptor {
  return (next) => async (request) => {
    const token = await ask(getToken);
    if (token !== undefined && token !== "") {
      request.header.set("authorization", `${PREFIX}${token}`);
    }
    return await next(request);
  };
}

async function ask(getToken: GetToken): Promise<string | undefined> {
  try {
    return await getToken();
  } catch (cause) {
    const details = nothingWritten;
    const error = new GraftError("unauthenticated", "the token cannot be had", { details, cause });
    throw toConnectError(error);
  }
}

/**
 * Lets the bearer of a token call, or throws (rejects): before anything of its request is read.
 * Absent tokens are asked about as well.
 */
export type Authenticate = (token: string | undefined) => unknown;

/** Options of one call that is made for the bearer of a token. */
export function tokenOptions(token: string | undefined): {
  readonly headers?: Readonly<Record<string, string>>;
} {
  return token === undefined ? {} : { headers: { authorization: `${PREFIX}${token}` } };
}

const tokenKey: ContextKey<string | undefined> = createContextKey<string | undefined>(undefined, {
  description: "bearer token of the caller",
});

/** Server: keeps the caller's token with the call. Whether it is valid is up to `Authenticate`. */
export function readTokenInterceptor(): Interceptor {
  return (next) => (request) => {
    request.contextValues.set(tokenKey, parseBearerToken(request.header.get("authorization")));
    return next(request);
  };
}

/** The caller's token; absent when it sent none. Not verified. */
export function tokenOf(values: ContextValues): string | undefined {
  return values.get(tokenKey);
}

/** The token of an `authorization` header; absent when there is none of this kind. */
export function parseBearerToken(header: string | null | undefined): string | undefined {
  if (header === null || header === undefined || !header.startsWith(PREFIX)) return undefined;
  const token = header.slice(PREFIX.length);
  return token === "" ? undefined : token;
}

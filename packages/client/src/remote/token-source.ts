/**
 * What is sent as a bearer token: a text, or who has the newest one. It is asked again for each
 * call, so that a token can be renewed while everything stays open; keep what it answers until
 * shortly before its end.
 */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

/** As a question. */
export function toGetToken(
  source: TokenSource | undefined,
): () => string | undefined | Promise<string | undefined> {
  return typeof source === "function" ? source : () => source;
}

/** Cross-origin calls: which pages a browser lets read our answers. Tokens travel in a header. */
import type { ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";
import { answerEmpty, type NodeHandler, type NodeResponse } from "./node-handler.ts";

/** Seconds a browser need not ask again; none of them believes more than two hours. */
const PREFLIGHT_MAX_AGE_S = 7200;

const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  "access-control-allow-methods": cors.allowedMethods.join(", "),
  "access-control-allow-headers": [...cors.allowedHeaders, "Authorization"].join(", "),
  "access-control-max-age": String(PREFLIGHT_MAX_AGE_S),
};
const EXPOSED_HEADERS: string = [...cors.exposedHeaders, "Retry-After"].join(", ");

/**
 * Answers preflights, and says on every answer, errors included, whether the page that asked may
 * read it. What a page of another origin is answered its browser keeps to itself.
 *
 * @param origins "https://app.example", exactly as browsers send it; "*" for every page
 */
export function allowOrigins(origins: readonly string[], handler: NodeHandler): NodeHandler {
  if (origins.length === 0) return handler;
  const allowed = new Set(origins);
  const allowsAll = allowed.has("*");
  return (request, response) => {
    const { origin } = request.headers;
    // Also without an origin: a cache must not hand this answer to a page.
    if (!allowsAll) set(response, "vary", "Origin");
    const isPreflight =
      request.method === "OPTIONS" &&
      request.headers["access-control-request-method"] !== undefined;
    const isAllowed = origin !== undefined && (allowsAll || allowed.has(origin));
    if (isAllowed) set(response, "access-control-allow-origin", allowsAll ? "*" : origin);
    if (isPreflight) {
      return isAllowed ? answerEmpty(response, 204, PREFLIGHT_HEADERS) : answerEmpty(response, 403);
    }
    if (isAllowed) set(response, "access-control-expose-headers", EXPOSED_HEADERS);
    handler(request, response);
  };
}

/** The two response types agree on this call, but not on its overloads. */
function set(response: NodeResponse, name: string, value: string): void {
  (response as unknown as ServerResponse).setHeader(name, value);
}

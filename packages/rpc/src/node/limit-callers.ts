import type { ServerResponse } from "node:http";
import { GraftError } from "@graft/core";
import { callerAddress } from "./caller-address.ts";
import type { CallerLimiter } from "./caller-limits.ts";
import { type NodeHandler, type NodeRequest, type NodeResponse, pathOf } from "./node-handler.ts";

/** Asked by machines, often through one proxy, and answered from memory. */
const UNLIMITED: ReadonlySet<string> = new Set(["/healthz", "/health", "/metrics"]);

export interface LimitOptions {
  /** Absent: nobody is limited. */
  readonly limiter: CallerLimiter | undefined;
  readonly countsBytes: boolean;
  readonly trustsProxy: boolean;
  /** Has a call refused in the words of its protocol. */
  readonly refuse: (request: NodeRequest, response: NodeResponse, why: GraftError) => void;
}

/** Counts each call for whoever makes it. */
export function limitCallers(options: LimitOptions, handler: NodeHandler): NodeHandler {
  const { limiter, countsBytes, trustsProxy, refuse } = options;
  if (limiter === undefined) return handler;
  return (request, response) => {
    if (UNLIMITED.has(pathOf(request))) return handler(request, response);
    const address = callerAddress(request, trustsProxy);
    const call = limiter.enter(address, request.headers.authorization);
    if (call instanceof GraftError) {
      refuse(request, response, call);
    } else {
      response.once("close", call.end);
      if (countsBytes) countBytes(request, response, call.count);
    }
    handler(request, response);
  };
}

type AnyCall = (...parts: readonly unknown[]) => boolean;

/** The two response types agree on these calls, but not on their overloads. */
function countBytes(
  request: NodeRequest,
  response: NodeResponse,
  count: (size: number) => void,
): void {
  const { push } = request;
  request.push = (chunk: unknown, ...rest) => {
    count(sizeOf(chunk));
    return push.call(request, chunk, ...rest);
  };
  const common = response as unknown as Record<"write" | "end", AnyCall> & ServerResponse;
  for (const name of ["write", "end"] as const) {
    const inner = common[name].bind(common) as AnyCall;
    Object.assign(common, {
      [name]: (...parts: readonly unknown[]) => {
        count(sizeOf(parts[0]));
        return inner(...parts);
      },
    });
  }
}

function sizeOf(chunk: unknown): number {
  if (chunk instanceof Uint8Array) return chunk.length;
  return typeof chunk === "string" ? Buffer.byteLength(chunk) : 0;
}

/**
 * The v0.1 routes: one protobuf message in, one out, over plain HTTP POST. WIRE-v0.1 §1. The
 * plumbing of the server that carries them is `node/raw-handler.ts`.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GraftError } from "@graft/core";
import { GraftErrCode, GraftErrSchema } from "@graft/proto-gen/common";
import { GRAFT_ERR_STATUS, WIRE_CODES } from "../error-mapping.ts";

/** Exactly this, byte for byte, on requests and answers, also on errors and empty bodies. */
export const RAW_CONTENT_TYPE = "application/x-protobuf";

export interface RawContext {
  /** Aborted when the caller hangs up or the server stops. */
  readonly signal: AbortSignal;
  /** The caller's bearer token, not verified. */
  readonly token: string | undefined;
}

/** `POST path`. */
export interface RawRoute {
  readonly path: string;
  /** @param body the whole request, never empty, within the server's limit */
  handle(body: Uint8Array, context: RawContext): Promise<Uint8Array>;
}

/** A route whose handler sees messages. What it throws is answered as `GraftErr`. */
export function createRawRoute<I extends DescMessage, O extends DescMessage>(route: {
  readonly path: string;
  readonly input: I;
  readonly output: O;
  readonly handle: (
    message: MessageShape<I>,
    context: RawContext,
  ) => Promise<MessageInitShape<O>> | MessageInitShape<O>;
}): RawRoute {
  return {
    path: route.path,
    async handle(body, context) {
      const message = parseMessage(route.input, body);
      const answer = await route.handle(message, context);
      return toBinary(route.output, create(route.output, answer));
    },
  };
}

/** The error text of v0.1 for whatever is no message: its clients look at the code only. */
export function invalidRequestBody(cause?: unknown): GraftError {
  return new GraftError("invalid-argument", "invalid request body", { cause });
}

/** A `GraftErr` answer. What is no `GraftError` is a bug and stays in our log. */
export function toRawError(error: unknown): { readonly status: number; readonly body: Uint8Array } {
  const known = error instanceof GraftError ? error : undefined;
  const code = known === undefined ? GraftErrCode.SERVER : WIRE_CODES[known.code].graftErr;
  const message = known?.message ?? "internal server error";
  return {
    status: GRAFT_ERR_STATUS[code] ?? 500,
    body: toBinary(GraftErrSchema, create(GraftErrSchema, { code, message })),
  };
}

function parseMessage<I extends DescMessage>(schema: I, body: Uint8Array): MessageShape<I> {
  try {
    return fromBinary(schema, body);
  } catch (cause) {
    throw invalidRequestBody(cause);
  }
}

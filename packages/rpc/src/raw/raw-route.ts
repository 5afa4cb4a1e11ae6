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
import { hasMoreFields } from "./message-fields.ts";
import { inWordsOf, type RouteWords } from "./raw-words.ts";

const { UNAUTHORIZED } = GraftErrCode;

/** Exactly this, byte for byte, on requests and answers, also on errors and empty bodies. */
export const RAW_CONTENT_TYPE = "application/x-protobuf";

/** A request without lists has a dozen. */
const FIELD_COUNT_MAX_DEFAULT = 256;

export interface RawContext {
  /** Aborted when the caller hangs up or the server stops. */
  readonly signal: AbortSignal;
  /** The caller's bearer token, not verified. */
  readonly token: string | undefined;
}

/** An answer in memory that is used again. */
export interface LentBytes {
  readonly bytes: Uint8Array;
  /** To be called when the answer has been sent, or never will be. */
  readonly release: () => void;
}

/** `POST path`. */
export interface RawRoute {
  readonly path: string;
  /** @param body the whole request, never empty, within the server's limit */
  handle(body: Uint8Array, context: RawContext): Promise<Uint8Array | LentBytes>;
}

/** A route whose handler sees messages. What it throws is answered as `GraftErr`. */
export function createRawRoute<I extends DescMessage, O extends DescMessage>(route: {
  readonly path: string;
  readonly input: I;
  readonly output: O;
  /** Fields of a request at most, those of the messages in it included. Default 256. */
  readonly fieldCountMax?: number;
  /** What v0.1 says of failures on this route. */
  readonly words?: RouteWords;
  readonly handle: (
    message: MessageShape<I>,
    context: RawContext,
  ) => Promise<MessageInitShape<O>> | MessageInitShape<O>;
}): RawRoute {
  return {
    path: route.path,
    async handle(body, context) {
      const message = parseMessage(route.input, body, route.fieldCountMax);
      try {
        const answer = await route.handle(message, context);
        return toBinary(route.output, create(route.output, answer));
      } catch (error) {
        throw inWordsOf(route.words ?? {}, error);
      }
    },
  };
}

/** The error text of v0.1 for whatever is no message: its clients look at the code only. */
export function invalidRequestBody(cause?: unknown): GraftError {
  return new GraftError("invalid-argument", "invalid request body", { cause });
}

/** A `GraftErr` answer. What is no `GraftError` is a bug and stays in our log. */
export function toRawError(error: unknown): { readonly status: number; readonly body: Uint8Array } {
  const known = error instanceof GraftError && error.code !== "internal" ? error : undefined;
  const code = known === undefined ? GraftErrCode.SERVER : WIRE_CODES[known.code].graftErr;
  const message =
    code === UNAUTHORIZED ? "unauthorized" : (known?.message ?? "internal server error");
  return {
    status: GRAFT_ERR_STATUS[code] ?? 500,
    body: toBinary(GraftErrSchema, create(GraftErrSchema, { code, message })),
  };
}

/**
 * Reads a request. @throws GraftError `invalid-argument` when it is none, or has more than
 * `fieldCountMax` fields, those of the messages in it included
 */
export function parseMessage<I extends DescMessage>(
  schema: I,
  body: Uint8Array,
  fieldCountMax: number = FIELD_COUNT_MAX_DEFAULT,
): MessageShape<I> {
  if (hasMoreFields(schema, body, fieldCountMax)) throw invalidRequestBody();
  try {
    return fromBinary(schema, body);
  } catch (cause) {
    throw invalidRequestBody(cause);
  }
}

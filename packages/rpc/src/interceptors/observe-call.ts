import type { Interceptor } from "@connectrpc/connect";

type Call = Parameters<Interceptor>[0];
/** A request as interceptors see it, unary or streaming. */
export type CallRequest = Parameters<Call>[0];
/** A response as interceptors see it, unary or streaming. */
export type CallResponse = Awaited<ReturnType<Call>>;

/** `graft.metastore.v1.MetastoreService/Commit`, as logs and metrics name a call. */
export function rpcName(request: CallRequest): string {
  return `${request.service.typeName}/${request.method.name}`;
}

/**
 * Runs a call and says once how it ended: with undefined, or with what was thrown. A stream ends when it
 * is read to its end, fails, or is left by its reader. What is thrown can be replaced on the way.
 */
export async function observeCall(
  next: Call,
  request: CallRequest,
  hooks: {
    readonly onEnd: (error: unknown) => void;
    readonly mapError?: (error: unknown) => unknown;
  },
): Promise<CallResponse> {
  const mapError = hooks.mapError ?? ((error: unknown) => error);
  let response: CallResponse;
  try {
    response = await next(request);
  } catch (error) {
    const mapped = mapError(error);
    hooks.onEnd(mapped);
    throw mapped;
  }
  if (!response.stream) {
    hooks.onEnd(undefined);
    return response;
  }
  return { ...response, message: observeStream(response.message, hooks.onEnd, mapError) };
}

async function* observeStream<T>(
  messages: AsyncIterable<T>,
  onEnd: (error: unknown) => void,
  mapError: (error: unknown) => unknown,
): AsyncGenerator<T> {
  let failure: unknown;
  try {
    yield* messages;
  } catch (error) {
    failure = mapError(error);
    throw failure;
  } finally {
    onEnd(failure);
  }
}

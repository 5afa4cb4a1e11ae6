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

/** Told once when a call has ended: undefined, or what was thrown. */
type OnEnd = (error: unknown) => void;

/**
 * Runs a call and says once how it ended. A stream ends when it is read to its end, fails, or its
 * signal is aborted: a reader that leaves does not always close the iterator. What is thrown can
 * be replaced.
 */
export async function observeCall(
  next: Call,
  request: CallRequest,
  hooks: { readonly onEnd: OnEnd; readonly mapError?: (error: unknown) => unknown },
): Promise<CallResponse> {
  const mapError = hooks.mapError ?? ((error: unknown) => error);
  const onEnd = once(hooks.onEnd);
  let response: CallResponse;
  try {
    response = await next(request);
  } catch (error) {
    const mapped = mapError(error);
    onEnd(mapped);
    throw mapped;
  }
  if (!response.stream) {
    onEnd(undefined);
    return response;
  }
  request.signal.addEventListener("abort", () => onEnd(mapError(request.signal.reason)), {
    once: true,
  });
  return { ...response, message: observeStream(response.message, onEnd, mapError) };
}

async function* observeStream<T>(
  messages: AsyncIterable<T>,
  onEnd: OnEnd,
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

function once(onEnd: OnEnd): OnEnd {
  let isEnded = false;
  return (error) => {
    if (isEnded) return;
    isEnded = true;
    onEnd(error);
  };
}

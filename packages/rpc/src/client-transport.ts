/** Typed clients over any Connect transport. What they throw is always a `GraftError`. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient, type Transport } from "@connectrpc/connect";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { PagestoreService } from "@graft/proto-gen/pagestore";
import { fromConnectError } from "./error-mapping.ts";

export type MetastoreClient = Client<typeof MetastoreService>;
export type PagestoreClient = Client<typeof PagestoreService>;

/** The two services of a server; each may have a transport of its own. */
export interface GraftClients {
  readonly metastore: MetastoreClient;
  readonly pagestore: PagestoreClient;
}

/** Both clients over one transport (one port serves both). */
export function createClients(transport: Transport): GraftClients {
  return {
    metastore: createMetastoreClient(transport),
    pagestore: createPagestoreClient(transport),
  };
}

/**
 * Calls reject, and streams throw, a `GraftError`; an aborted signal's own reason passes through.
 */
export function createMetastoreClient(transport: Transport): MetastoreClient {
  return throwGraftErrors(MetastoreService, createClient(MetastoreService, transport));
}

/** As `createMetastoreClient`. */
export function createPagestoreClient(transport: Transport): PagestoreClient {
  return throwGraftErrors(PagestoreService, createClient(PagestoreService, transport));
}

type AnyCall = (request: unknown, options?: CallOptions) => unknown;

function throwGraftErrors<T extends DescService>(service: T, client: Client<T>): Client<T> {
  const calls = client as Record<string, AnyCall>;
  const wrapped: Record<string, AnyCall> = {};
  for (const method of service.methods) {
    const call = calls[method.localName];
    if (call !== undefined) wrapped[method.localName] = wrap(method, call);
  }
  return wrapped as Client<T>;
}

function wrap(method: DescMethod, call: AnyCall): AnyCall {
  if (method.methodKind === "unary") {
    return async (request, options) => {
      try {
        return await call(request, options);
      } catch (error) {
        throw toThrown(error, options);
      }
    };
  }
  return (request, options) =>
    wrapStream(call(request, options) as AsyncIterable<unknown>, options);
}

async function* wrapStream(
  messages: AsyncIterable<unknown>,
  options: CallOptions | undefined,
): AsyncGenerator<unknown> {
  try {
    yield* messages;
  } catch (error) {
    throw toThrown(error, options);
  }
}

function toThrown(error: unknown, options: CallOptions | undefined): unknown {
  return options?.signal?.aborted ? options.signal.reason : fromConnectError(error);
}

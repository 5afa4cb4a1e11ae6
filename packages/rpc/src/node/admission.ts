import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { GraftError } from "@graft/core";
import { toConnectError } from "../error-mapping.ts";
import { type InFlight, REQUEST_SIZE_USUAL } from "./in-flight.ts";
import { type NodeHandler, type NodeRequest, pathOf } from "./node-handler.ts";

const refusalKey: ContextKey<GraftError | undefined> = createContextKey<GraftError | undefined>(
  undefined,
  { description: "why the call is refused" },
);

/**
 * Lets calls in, or has them refused in the words of their own protocol: each handler asks whether
 * its request was, before it reads it.
 */
export class Admission {
  readonly #inFlight: InFlight;
  readonly #usualSizes: ReadonlyMap<string, number>;
  readonly #isCounted: (path: string) => boolean;
  readonly #refusals = new WeakMap<NodeRequest, GraftError>();

  constructor(options: {
    readonly inFlight: InFlight;
    /** Whether calls of a path count: not those that last as long as their caller. */
    readonly isCounted: (path: string) => boolean;
    readonly usualSizes: ReadonlyMap<string, number>;
  }) {
    this.#inFlight = options.inFlight;
    this.#isCounted = options.isCounted;
    this.#usualSizes = options.usualSizes;
  }

  /** Counts the calls that pass through a handler. */
  guard(handler: NodeHandler): NodeHandler {
    return (request, response) => {
      const path = pathOf(request);
      if (this.#isCounted(path)) {
        const size = this.#sizeOf(request, path);
        const refusal = this.#inFlight.enter(size);
        if (refusal === undefined) response.once("close", () => this.#inFlight.leave(size));
        else this.#refusals.set(request, refusal);
      }
      handler(request, response);
    };
  }

  /** Why a request is refused; undefined: it was let in. */
  refusalOf(request: NodeRequest): GraftError | undefined {
    return this.#refusals.get(request);
  }

  /** For the adapter: takes the refusal of a request along. */
  contextValues(request: NodeRequest): ContextValues {
    return createContextValues().set(refusalKey, this.#refusals.get(request));
  }

  /** For the adapter: ends a refused call before its body is read. */
  readonly gate = ({ values }: Pick<HandlerContext, "values">): void => {
    const refusal = values.get(refusalKey);
    if (refusal !== undefined) throw toConnectError(refusal);
  };

  #sizeOf({ headers }: NodeRequest, path: string): number {
    const announced = Number(headers["content-length"]);
    if (Number.isSafeInteger(announced)) return announced;
    return this.#usualSizes.get(path) ?? REQUEST_SIZE_USUAL;
  }
}

import { context, type Span, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";

/**
 * Runs a call as a span: pages that it fetches, and what it sends, are inside.
 *
 * @param sql text of its statement, without values
 */
export function traceCall<Result>(
  tracer: Tracer,
  name: string,
  call: () => Promise<Result>,
  sql?: string,
): Promise<Result> {
  return tracer.startActiveSpan(name, { attributes: attributesOf(sql) }, async (span) => {
    try {
      const result = await call();
      span.end();
      return result;
    } catch (error) {
      fail(span, error);
      throw error;
    }
  });
}

/** Rows that are read inside a span, from the first to the last, or until the loop is left. */
export class TracedRows<Row> implements AsyncIterableIterator<Row, undefined>, AsyncDisposable {
  readonly #rows: AsyncIterableIterator<Row, undefined>;
  readonly #begin: () => Span;
  #span: Span | undefined;

  constructor(tracer: Tracer, sql: string, rows: AsyncIterableIterator<Row, undefined>) {
    this.#rows = rows;
    this.#begin = () => tracer.startSpan("query", { attributes: attributesOf(sql) });
  }

  next(): Promise<IteratorResult<Row, undefined>> {
    return this.#inside(() => this.#rows.next());
  }

  async return(): Promise<IteratorResult<Row, undefined>> {
    await this.#inside(async () => (await this.#rows.return?.()) ?? OVER);
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #inside(
    step: () => Promise<IteratorResult<Row, undefined>>,
  ): Promise<IteratorResult<Row, undefined>> {
    this.#span ??= this.#begin();
    const span = this.#span;
    try {
      const result = await context.with(trace.setSpan(context.active(), span), step);
      if (result.done === true) span.end();
      return result;
    } catch (error) {
      fail(span, error);
      throw error;
    }
  }
}

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

function attributesOf(sql: string | undefined): Record<string, string> {
  const system = { "db.system.name": "sqlite" };
  return sql === undefined ? system : { ...system, "db.query.text": sql };
}

function fail(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
}

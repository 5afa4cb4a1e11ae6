import {
  FetchAllowance,
  type FetchNeed,
  type QueryStatement,
  type QueryValue,
} from "@graft/client";
import type { NamedParameters, SqlParameter } from "@graft/sqlite-engine";
import { leadingWords } from "../sql/scan-sql.ts";
import type { StatementRequest } from "./statement-host.ts";

/** What is sent begins with one of these. */
const SENT_WORDS: ReadonlySet<string> = new Set([
  "DELETE",
  "INSERT",
  "REPLACE",
  "SELECT",
  "UPDATE",
  "VALUES",
  "WITH",
]);

/**
 * One execution of a statement as a server is told of it, with the first page that it misses. Made
 * then: most executions miss none.
 */
export class UpcomingQuery {
  readonly #request: StatementRequest;
  readonly #allowance: FetchAllowance | undefined;
  #statement: QueryStatement | undefined;

  /** @throws GraftError `invalid-argument`: no such limit */
  constructor(request: StatementRequest) {
    const { maxFetchBytes } = request;
    this.#request = request;
    this.#allowance = maxFetchBytes === undefined ? undefined : new FetchAllowance(maxFetchBytes);
  }

  /**
   * @param isAlone whether a server that knows one database can run it
   */
  need(isAlone: boolean): FetchNeed {
    this.#statement ??= toStatement(this.#request);
    return { statement: isAlone ? this.#statement : undefined, allowance: this.#allowance };
  }
}

const known = new WeakMap<StatementRequest, UpcomingQuery>();

/** The same for each attempt to run a request. @throws GraftError `invalid-argument` */
export function upcomingOf(request: StatementRequest): UpcomingQuery {
  const before = known.get(request);
  if (before !== undefined) return before;
  const upcoming = new UpcomingQuery(request);
  known.set(request, upcoming);
  return upcoming;
}

function toStatement({ sql, parameters, rowLimit }: StatementRequest): QueryStatement | undefined {
  if (parameters === undefined || !SENT_WORDS.has(leadingWords(sql, 1)[0] ?? "")) return undefined;
  const [first, ...others] = parameters;
  const hasNames = isNamed(first);
  const values = hasNames ? others : parameters;
  const named = hasNames ? Object.entries(first) : [];
  try {
    return {
      sql,
      values: values.map((value) => toValue(value as SqlParameter)),
      ...(hasNames && {
        named: Object.fromEntries(named.map(([name, value]) => [name, toValue(value)])),
      }),
      ...(rowLimit !== undefined && { rowLimit }),
    };
  } catch {
    // Binding it says what is wrong.
    return undefined;
  }
}

function isNamed(value: unknown): value is NamedParameters {
  if (typeof value !== "object" || value === null) return false;
  return !ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer);
}

/** As the engine binds it. */
function toValue(value: SqlParameter): QueryValue {
  switch (typeof value) {
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw new TypeError("no integer of SQLite");
      return value;
    case "number":
    case "string":
      return value;
    case "boolean":
      return value ? 1n : 0n;
    case "undefined":
      return null;
  }
  if (value === null) return null;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!ArrayBuffer.isView(value)) throw new TypeError("no value of SQLite");
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

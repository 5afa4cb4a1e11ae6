/**
 * Which connection a statement may run on. Reads may go to any; everything that writes, opens or
 * ends a transaction, or touches what only one connection knows, goes to the writer.
 */
import { leadingWords, nextToken } from "./scan-sql.ts";

export interface StatementRoute {
  /** "read" is a guess by the first word: SQLite itself has the last word on it. */
  readonly kind: "read" | "write";
  /** Lower-case name of a pragma. */
  readonly pragma: string | undefined;
  /** Whether a setting of the connection is changed, which every other connection has to follow. */
  readonly isSetting: boolean;
  /**
   * Whether it may make or drop something that only its connection sees: temporary tables, ATTACH.
   */
  readonly touchesConnectionState: boolean;
}

const READ_WORDS: ReadonlySet<string> = new Set(["SELECT", "VALUES", "WITH", "EXPLAIN"]);

/** Functions that speak of what this connection did last. */
const CONNECTION_FUNCTIONS = /\b(?:last_insert_rowid|changes|total_changes)\s*\(/i;
const CONNECTION_STATE = /\b(?:temp|temporary|attach|detach)\b/i;

/** Pragmas that only look, with or without an argument. */
const READING_PRAGMAS: ReadonlySet<string> = new Set([
  "collation_list",
  "compile_options",
  "database_list",
  "foreign_key_check",
  "foreign_key_list",
  "function_list",
  "index_info",
  "index_list",
  "index_xinfo",
  "integrity_check",
  "module_list",
  "pragma_list",
  "quick_check",
  "table_info",
  "table_list",
  "table_xinfo",
]);

/** Pragmas that change how a connection works, and nothing in the database. */
const SETTING_PRAGMAS: ReadonlySet<string> = new Set([
  "analysis_limit",
  "automatic_index",
  "cache_size",
  "cache_spill",
  "case_sensitive_like",
  "cell_size_check",
  "foreign_keys",
  "full_column_names",
  "hard_heap_limit",
  "ignore_check_constraints",
  "legacy_alter_table",
  "query_only",
  "recursive_triggers",
  "reverse_unordered_selects",
  "secure_delete",
  "short_column_names",
  "soft_heap_limit",
  "synchronous",
  "temp_store",
  "threads",
  "trusted_schema",
]);

/** Reads the beginning of a statement. */
export function routeStatement(sql: string): StatementRoute {
  const [word = ""] = leadingWords(sql, 1);
  const touchesConnectionState = CONNECTION_STATE.test(sql);
  if (word === "PRAGMA") return { ...routePragma(sql), touchesConnectionState };
  const isRead = READ_WORDS.has(word) && !CONNECTION_FUNCTIONS.test(sql);
  return {
    kind: isRead ? "read" : "write",
    pragma: undefined,
    isSetting: false,
    touchesConnectionState: touchesConnectionState && !isRead,
  };
}

function routePragma(sql: string): Pick<StatementRoute, "kind" | "pragma" | "isSetting"> {
  const { name, hasValue } = parsePragma(sql);
  const isSetting = hasValue && SETTING_PRAGMAS.has(name);
  const onlyLooks =
    READING_PRAGMAS.has(name) ||
    name.startsWith("graft_") ||
    (!hasValue && SETTING_PRAGMAS.has(name));
  return { kind: onlyLooks ? "read" : "write", pragma: name, isSetting };
}

/** `PRAGMA [schema .] name [= value | ( value )]` */
function parsePragma(sql: string): { readonly name: string; readonly hasValue: boolean } {
  const parts: string[] = [];
  let token = nextToken(sql, 0);
  while (token !== undefined && token.kind !== "semicolon" && parts.length < 5) {
    parts.push(sql.slice(token.start, token.end));
    token = nextToken(sql, token.end);
  }
  const nameAt = parts[2] === "." ? 3 : 1;
  return {
    name: (parts[nameAt] ?? "").toLowerCase(),
    hasValue: parts[nameAt + 1] !== undefined,
  };
}

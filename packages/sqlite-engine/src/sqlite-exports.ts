/**
 * The raw exports of the SQLite build that are used here: C functions over numbers. Pointers are
 * i32, `sqlite3_int64` is a bigint. Names and meanings are those of SQLite's C interface.
 */
import { GraftError } from "@graft/core";
import type { WasmFunction, WasmInstance, WasmTable } from "./web-assembly.ts";

/** A pointer into the heap; 0 is NULL. */
export type Pointer = number;

export interface SqliteExports {
  readonly __indirect_function_table: WasmTable;
  __wasm_call_ctors(): void;
  _emscripten_stack_restore(pointer: Pointer): void;
  sqlite3__wasm_enum_json(): Pointer;
  sqlite3_initialize(): number;
  sqlite3_malloc(size: number): Pointer;
  sqlite3_free(pointer: Pointer): void;
  sqlite3_vfs_register(vfs: Pointer, makeDefault: number): number;
  sqlite3_open_v2(name: Pointer, database: Pointer, flags: number, vfs: Pointer): number;
  sqlite3_close_v2(database: Pointer): number;
  sqlite3_limit(database: Pointer, limit: number, value: number): number;
  sqlite3_extended_result_codes(database: Pointer, on: number): number;
  sqlite3_errmsg(database: Pointer): Pointer;
  sqlite3_extended_errcode(database: Pointer): number;
  sqlite3_error_offset(database: Pointer): number;
  sqlite3_errstr(code: number): Pointer;
  sqlite3_get_autocommit(database: Pointer): number;
  sqlite3_changes64(database: Pointer): bigint;
  sqlite3_total_changes64(database: Pointer): bigint;
  sqlite3_last_insert_rowid(database: Pointer): bigint;
  sqlite3_set_last_insert_rowid(database: Pointer, rowid: bigint): void;
  sqlite3_progress_handler(database: Pointer, ops: number, body: number, context: Pointer): void;
  /** Wants `(context, action, …four texts)`; see `sqlite3_set_authorizer`. */
  sqlite3_set_authorizer(database: Pointer, body: number, context: Pointer): number;
  /** `sqlite3_db_config` for the options that take an int and an optional `int *`. */
  sqlite3__wasm_db_config_ip(
    database: Pointer,
    option: number,
    value: number,
    answer: Pointer,
  ): number;
  sqlite3_prepare_v3(
    database: Pointer,
    sql: Pointer,
    size: number,
    flags: number,
    statement: Pointer,
    tail: Pointer,
  ): number;
  sqlite3_step(statement: Pointer): number;
  sqlite3_reset(statement: Pointer): number;
  sqlite3_finalize(statement: Pointer): number;
  sqlite3_stmt_readonly(statement: Pointer): number;
  sqlite3_stmt_isexplain(statement: Pointer): number;
  sqlite3_stmt_status(statement: Pointer, counter: number, reset: number): number;
  sqlite3_expanded_sql(statement: Pointer): Pointer;
  sqlite3_clear_bindings(statement: Pointer): number;
  sqlite3_bind_parameter_count(statement: Pointer): number;
  sqlite3_bind_parameter_name(statement: Pointer, index: number): Pointer;
  sqlite3_bind_null(statement: Pointer, index: number): number;
  sqlite3_bind_int(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_int64(statement: Pointer, index: number, value: bigint): number;
  sqlite3_bind_double(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_text(
    statement: Pointer,
    index: number,
    text: Pointer,
    size: number,
    destructor: number,
  ): number;
  sqlite3_bind_blob(
    statement: Pointer,
    index: number,
    bytes: Pointer,
    size: number,
    destructor: number,
  ): number;
  sqlite3_column_count(statement: Pointer): number;
  sqlite3_column_name(statement: Pointer, index: number): Pointer;
  sqlite3_column_decltype(statement: Pointer, index: number): Pointer;
  sqlite3_column_database_name(statement: Pointer, index: number): Pointer;
  sqlite3_column_table_name(statement: Pointer, index: number): Pointer;
  sqlite3_column_origin_name(statement: Pointer, index: number): Pointer;
  sqlite3_column_value(statement: Pointer, index: number): Pointer;
  sqlite3_column_type(statement: Pointer, index: number): number;
  sqlite3_column_double(statement: Pointer, index: number): number;
  sqlite3_column_int64(statement: Pointer, index: number): bigint;
  sqlite3_column_text(statement: Pointer, index: number): Pointer;
  sqlite3_column_blob(statement: Pointer, index: number): Pointer;
  sqlite3_column_bytes(statement: Pointer, index: number): number;
  sqlite3_create_function(
    database: Pointer,
    name: Pointer,
    argumentCount: number,
    flags: number,
    context: Pointer,
    call: Pointer,
    step: Pointer,
    final: Pointer,
  ): number;
  sqlite3_value_int64(value: Pointer): bigint;
  sqlite3_result_int64(context: Pointer, value: bigint): void;
  sqlite3_result_blob(context: Pointer, bytes: Pointer, size: number, destructor: number): void;
  sqlite3_result_error_toobig(context: Pointer): void;
  sqlite3_result_error_nomem(context: Pointer): void;
}

/** The names above, for the check at load; the compiler keeps the two lists equal. */
const NAMES = {
  __indirect_function_table: true,
  __wasm_call_ctors: true,
  _emscripten_stack_restore: true,
  sqlite3__wasm_enum_json: true,
  sqlite3_initialize: true,
  sqlite3_malloc: true,
  sqlite3_free: true,
  sqlite3_vfs_register: true,
  sqlite3_open_v2: true,
  sqlite3_close_v2: true,
  sqlite3_limit: true,
  sqlite3_extended_result_codes: true,
  sqlite3_errmsg: true,
  sqlite3_extended_errcode: true,
  sqlite3_error_offset: true,
  sqlite3_errstr: true,
  sqlite3_get_autocommit: true,
  sqlite3_changes64: true,
  sqlite3_total_changes64: true,
  sqlite3_last_insert_rowid: true,
  sqlite3_set_last_insert_rowid: true,
  sqlite3_progress_handler: true,
  sqlite3_set_authorizer: true,
  sqlite3__wasm_db_config_ip: true,
  sqlite3_prepare_v3: true,
  sqlite3_step: true,
  sqlite3_reset: true,
  sqlite3_finalize: true,
  sqlite3_stmt_readonly: true,
  sqlite3_stmt_isexplain: true,
  sqlite3_stmt_status: true,
  sqlite3_expanded_sql: true,
  sqlite3_clear_bindings: true,
  sqlite3_bind_parameter_count: true,
  sqlite3_bind_parameter_name: true,
  sqlite3_bind_null: true,
  sqlite3_bind_int: true,
  sqlite3_bind_int64: true,
  sqlite3_bind_double: true,
  sqlite3_bind_text: true,
  sqlite3_bind_blob: true,
  sqlite3_column_count: true,
  sqlite3_column_name: true,
  sqlite3_column_decltype: true,
  sqlite3_column_database_name: true,
  sqlite3_column_table_name: true,
  sqlite3_column_origin_name: true,
  sqlite3_column_value: true,
  sqlite3_column_type: true,
  sqlite3_column_double: true,
  sqlite3_column_int64: true,
  sqlite3_column_text: true,
  sqlite3_column_blob: true,
  sqlite3_column_bytes: true,
  sqlite3_create_function: true,
  sqlite3_value_int64: true,
  sqlite3_result_int64: true,
  sqlite3_result_blob: true,
  sqlite3_result_error_toobig: true,
  sqlite3_result_error_nomem: true,
} as const satisfies Record<keyof SqliteExports, true>;

/** The exports, checked for presence. Throws `internal` naming the first that is missing. */
export function toSqliteExports(instance: WasmInstance): SqliteExports {
  for (const name of Object.keys(NAMES)) {
    if (instance.exports[name] === undefined) {
      throw new GraftError(
        "internal",
        `this SQLite build does not export ${name}; use the pinned version of @sqlite.org/sqlite-wasm`,
      );
    }
  }
  return instance.exports as unknown as SqliteExports;
}

/** An export as the WebAssembly API wants it: a WASM function of unknown parameters. */
export function asWasmFunction(exported: (...parameters: never[]) => unknown): WasmFunction {
  return exported;
}

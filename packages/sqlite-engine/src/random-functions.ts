/**
 * SQL's `random()` and `randomblob(N)`, drawn from a `StatementJournal`.
 *
 * SQLite draws from one stream for everything: its functions, and the nonces of its journals. Where
 * in it a value comes from depends on when a journal was begun, so that the same statement would
 * see other values on another database. These two functions have a stream to themselves.
 */
import { invariant } from "@graft/core";
import type { EngineCore } from "./engine-core.ts";
import { addToTable } from "./install-vfs.ts";
import type { Pointer } from "./sqlite-exports.ts";
import type { StatementJournal } from "./statement-journal.ts";
import { createTrampolines } from "./trampolines.ts";

const SQLITE_UTF8 = 0x1;
/** Allowed where SQLite's own are: in views, triggers and DEFAULT of a schema not trusted. */
const SQLITE_INNOCUOUS = 0x0020_0000;
const SQLITE_TRANSIENT = -1;
/** The largest blob of the build, as SQLite checks it. */
const BLOB_SIZE_MAX = 1_000_000_000n;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

/** Defines both on the connection that is open in the core. */
export function defineRandomFunctions(core: EngineCore, journal: StatementJournal): void {
  const { exports, heap } = core;
  const drawn = new Uint8Array(8);
  const drawnView = new DataView(drawn.buffer);
  const bodies = createTrampolines({
    random: {
      signature: "iiiv",
      body: (context: Pointer) => {
        journal.draw(drawn);
        const value = drawnView.getBigInt64(0, true);
        // As SQLite does: never the least integer, which has no absolute value.
        exports.sqlite3_result_int64(context, value < 0n ? -(value & INT64_MAX) : value);
        return undefined;
      },
    },
    randomblob: {
      signature: "iiiv",
      body: (context: Pointer, _count: number, values: Pointer) => {
        const wanted = exports.sqlite3_value_int64(heap.readWord(values));
        if (wanted > BLOB_SIZE_MAX) {
          exports.sqlite3_result_error_toobig(context);
          return undefined;
        }
        const size = wanted < 1n ? 1 : Number(wanted);
        const pointer = exports.sqlite3_malloc(size);
        if (pointer === 0) {
          exports.sqlite3_result_error_nomem(context);
          return undefined;
        }
        journal.draw(heap.bytes.subarray(pointer, pointer + size));
        exports.sqlite3_result_blob(context, pointer, size, SQLITE_TRANSIENT);
        exports.sqlite3_free(pointer);
        return undefined;
      },
    },
  });
  define(core, "random", 0, addToTable(core, bodies.random));
  define(core, "randomblob", 1, addToTable(core, bodies.randomblob));
}

function define(core: EngineCore, name: string, argumentCount: number, body: Pointer): void {
  const { exports, heap, database } = core;
  const text = heap.createText(exports, name);
  invariant(text !== undefined, "a fresh instance has memory for a name");
  const flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
  const code = exports.sqlite3_create_function(
    database,
    text.pointer,
    argumentCount,
    flags,
    0,
    body,
    0,
    0,
  );
  exports.sqlite3_free(text.pointer);
  invariant(code === 0, `sqlite3_create_function answers SQLITE_OK, got ${code}`);
}

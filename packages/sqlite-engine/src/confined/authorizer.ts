/**
 * What a confined statement may do, decided while SQLite compiles it: read, and, when it is run for
 * its reads alone, change rows in memory that nobody will see. Everything that is not named here is
 * refused: ATTACH, PRAGMA, changes of the schema, transactions, and whatever a later SQLite brings.
 */

/** Action codes of `sqlite3_set_authorizer` that are not refused at once. */
const DELETE = 9;
const INSERT = 18;
const PRAGMA = 19;
const READ = 20;
const SELECT = 21;
const UPDATE = 23;
const FUNCTION = 31;
const RECURSIVE = 33;

/** One question of the authorizer; the texts are those SQLite documents for the action. */
export interface AuthorizerQuestion {
  readonly action: number;
  readonly first: string | undefined;
  readonly second: string | undefined;
}

/**
 * Whether a confined statement may do it.
 *
 * @param mayWrite whether rows may change, in memory alone
 */
export function isPermitted(question: AuthorizerQuestion, mayWrite: boolean): boolean {
  const { action, first = "", second = "" } = question;
  switch (action) {
    case SELECT:
    case RECURSIVE:
      return true;
    case READ:
      return !isEngineTable(first);
    case FUNCTION:
      return SAFE_FUNCTIONS.has(second.toLowerCase());
    case INSERT:
    case UPDATE:
    case DELETE:
      return mayWrite && !first.toLowerCase().startsWith("sqlite_");
    case PRAGMA:
      // The one that full-text search asks by itself before it trusts what it holds.
      return first.toLowerCase() === "data_version" && second === "";
    default:
      return false;
  }
}

/** Tables made by the engine that tell of itself, or read the file past its B-trees. */
const ENGINE_TABLES: ReadonlySet<string> = new Set(
  "bytecode dbstat sqlite_dbpage sqlite_stmt tables_used".split(" "),
);

function isEngineTable(name: string): boolean {
  const lower = name.toLowerCase();
  return ENGINE_TABLES.has(lower) || lower.startsWith("pragma_");
}

/**
 * Functions that look at their arguments and nothing else. Left out: `load_extension`,
 * `fts3_tokenizer`, `sqlite_log`, `sqlite_offset`, and all that this list does not know.
 */
const SAFE_FUNCTIONS: ReadonlySet<string> = new Set(
  `-> ->> abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling changes char coalesce
  concat concat_ws cos cosh count cume_dist current_date current_time current_timestamp date
  datetime degrees dense_rank exp first_value floor format glob group_concat hex highlight if
  ifnull iif instr json json_array json_array_insert json_array_length json_each
  json_error_position json_extract json_group_array json_group_object json_insert json_object
  json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
  json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array
  jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set
  julianday lag last_insert_rowid last_value lead length like likelihood likely ln log log10 log2
  lower ltrim match max median min mod nth_value ntile nullif octet_length percent_rank percentile
  percentile_cont percentile_disc pi pow power printf quote radians random randomblob rank replace
  round row_number rtrim sign sin sinh snippet sqlite_source_id sqlite_version sqrt strftime
  string_agg substr substring subtype sum tan tanh time timediff total total_changes trim trunc
  typeof unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob`.split(/\s+/),
);

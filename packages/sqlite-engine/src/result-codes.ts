/**
 * SQLite's result codes, as far as anybody here names them, and their names for messages. A code
 * has a primary part (low 8 bits) and may carry an extended part above it: `SQLITE_BUSY_SNAPSHOT`
 * is `SQLITE_BUSY | 2 << 8`.
 */

export const SQLITE_OK = 0;
export const SQLITE_ERROR = 1;
export const SQLITE_INTERNAL = 2;
export const SQLITE_PERM = 3;
export const SQLITE_ABORT = 4;
export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_NOMEM = 7;
export const SQLITE_READONLY = 8;
export const SQLITE_INTERRUPT = 9;
export const SQLITE_IOERR = 10;
export const SQLITE_CORRUPT = 11;
export const SQLITE_NOTFOUND = 12;
export const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;
export const SQLITE_PROTOCOL = 15;
export const SQLITE_SCHEMA = 17;
export const SQLITE_TOOBIG = 18;
export const SQLITE_CONSTRAINT = 19;
export const SQLITE_MISMATCH = 20;
export const SQLITE_MISUSE = 21;
export const SQLITE_AUTH = 23;
export const SQLITE_RANGE = 25;
export const SQLITE_NOTADB = 26;
export const SQLITE_ROW = 100;
export const SQLITE_DONE = 101;

export const SQLITE_ABORT_ROLLBACK = 516;
export const SQLITE_BUSY_SNAPSHOT = 517;
export const SQLITE_IOERR_READ = 266;
export const SQLITE_IOERR_SHORT_READ = 522;
export const SQLITE_IOERR_WRITE = 778;
export const SQLITE_IOERR_FSYNC = 1034;
export const SQLITE_IOERR_TRUNCATE = 1546;
export const SQLITE_IOERR_DELETE = 2570;
export const SQLITE_IOERR_ACCESS = 3338;

const PRIMARY_NAMES = [
  "SQLITE_OK",
  "SQLITE_ERROR",
  "SQLITE_INTERNAL",
  "SQLITE_PERM",
  "SQLITE_ABORT",
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "SQLITE_NOMEM",
  "SQLITE_READONLY",
  "SQLITE_INTERRUPT",
  "SQLITE_IOERR",
  "SQLITE_CORRUPT",
  "SQLITE_NOTFOUND",
  "SQLITE_FULL",
  "SQLITE_CANTOPEN",
  "SQLITE_PROTOCOL",
  "SQLITE_EMPTY",
  "SQLITE_SCHEMA",
  "SQLITE_TOOBIG",
  "SQLITE_CONSTRAINT",
  "SQLITE_MISMATCH",
  "SQLITE_MISUSE",
  "SQLITE_NOLFS",
  "SQLITE_AUTH",
  "SQLITE_FORMAT",
  "SQLITE_RANGE",
  "SQLITE_NOTADB",
  "SQLITE_NOTICE",
  "SQLITE_WARNING",
] as const;

/** Extended parts by primary code; the position is the extended number minus one. */
const EXTENDED_NAMES: Readonly<Record<number, readonly string[]>> = {
  [SQLITE_ERROR]: ["MISSING_COLLSEQ", "RETRY", "SNAPSHOT"],
  [SQLITE_ABORT]: ["", "ROLLBACK"],
  [SQLITE_BUSY]: ["RECOVERY", "SNAPSHOT", "TIMEOUT"],
  [SQLITE_LOCKED]: ["SHAREDCACHE", "VTAB"],
  [SQLITE_READONLY]: ["RECOVERY", "CANTLOCK", "ROLLBACK", "DBMOVED", "CANTINIT", "DIRECTORY"],
  [SQLITE_IOERR]: (
    "READ SHORT_READ WRITE FSYNC DIR_FSYNC TRUNCATE FSTAT UNLOCK RDLOCK DELETE BLOCKED NOMEM ACCESS " +
    "CHECKRESERVEDLOCK LOCK CLOSE DIR_CLOSE SHMOPEN SHMSIZE SHMLOCK SHMMAP SEEK DELETE_NOENT MMAP " +
    "GETTEMPPATH CONVPATH VNODE AUTH BEGIN_ATOMIC COMMIT_ATOMIC ROLLBACK_ATOMIC DATA CORRUPTFS"
  ).split(" "),
  [SQLITE_CORRUPT]: ["VTAB", "SEQUENCE", "INDEX"],
  [SQLITE_CANTOPEN]: ["NOTEMPDIR", "ISDIR", "FULLPATH", "CONVPATH", "DIRTYWAL", "SYMLINK"],
  [SQLITE_CONSTRAINT]:
    "CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE".split(
      " ",
    ),
};

/** The low 8 bits: what kind of failure it is. */
export function primaryCode(code: number): number {
  return code & 0xff;
}

/** The name SQLite's documentation uses: 517 → "SQLITE_BUSY_SNAPSHOT". */
export function resultCodeName(code: number): string {
  if (code === SQLITE_ROW) return "SQLITE_ROW";
  if (code === SQLITE_DONE) return "SQLITE_DONE";
  const primary = PRIMARY_NAMES[primaryCode(code)];
  if (primary === undefined) return `SQLITE_${code}`;
  const extended = EXTENDED_NAMES[primaryCode(code)]?.[(code >> 8) - 1];
  return extended === undefined || extended === "" ? primary : `${primary}_${extended}`;
}

/**
 * The code with which a failed read must leave a statement that writes: one after which SQLite
 * undoes what the statement has done (and, where it cannot, the whole transaction). Other codes,
 * `SQLITE_BUSY` among them, may leave half a statement in the transaction.
 */
export function toRollbackCode(code: number): number {
  switch (primaryCode(code)) {
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_FULL:
      return code;
    default:
      return SQLITE_IOERR;
  }
}

/**
 * SQLite's own pragmas that mean something else on a volume. A transaction is atomic and durable by
 * the volume's commit, whatever the journal does: the journal only serves ROLLBACK. So its mode is
 * fixed, and asking for another one is answered with the mode there is, as SQLite does where a mode
 * is not possible.
 *
 * | journal_mode                         | answer                                                     |
 * |--------------------------------------|------------------------------------------------------------|
 * | delete                               | `delete`                                                   |
 * | wal, truncate, persist, memory       | `delete`: nothing changes; readers never block the writer  |
 * | off                                  | refused: ROLLBACK would keep what was spilled              |
 * | anything else                        | `delete`, as SQLite does                                   |
 *
 * | locking_mode | answer                                                                             |
 * |--------------|------------------------------------------------------------------------------------|
 * | any          | `normal`: exclusive mode would hold one snapshot and the write lock for ever         |
 *
 * `mmap_size` is 0: a volume is not a file. `busy_timeout` is kept by the database, which waits
 * without stopping the event loop; SQLite's own handler would sleep in it.
 */
import { errorAnswer, textAnswer } from "./pragma-answer.ts";
import type { PragmaHandler } from "./pragma-context.ts";

/** The one journal mode of a volume. */
const JOURNAL_MODE = "delete";

/** By lower-case name. */
export const FIXED_PRAGMAS: Readonly<Record<string, PragmaHandler>> = {
  journal_mode: (_context, value) =>
    value?.toLowerCase() === "off"
      ? errorAnswer("journal_mode=off is refused on a volume: ROLLBACK needs the journal")
      : textAnswer(JOURNAL_MODE),
  locking_mode: () => textAnswer("normal"),
  mmap_size: () => textAnswer("0"),
  busy_timeout: ({ settings }, value) => {
    if (value !== undefined) {
      // SQLite's own reading of a number: what does not begin with one is 0, and less than 0 is
      // none.
      const timeoutMs = Number.parseInt(value, 10);
      settings.busyTimeoutMs = Number.isNaN(timeoutMs) ? 0 : Math.max(0, timeoutMs);
    }
    return textAnswer(String(settings.busyTimeoutMs));
  },
};

import { formatBytes, formatCount, formatDuration } from "../format-units.ts";
import { formatTable } from "../text-table.ts";
import type { DemoReport, QueryReport, SkippedReport } from "./demo-report.ts";
import type { DemoOutcome } from "./run-demo.ts";

/** The demo's findings for a person. */
export function describeDemo({ report, failures }: DemoOutcome): string {
  const { database, conflict } = report;
  const size = formatBytes(database.bytes);
  const lines = [
    "",
    `database   ${size}: ${formatCount(database.pages)} pages of ${database.pageSize} B`,
    `import     ${formatDuration(report.import.seconds * 1000)}, ` +
      `${formatBytes(report.import.bytesPerSecond)}/s, ${report.import.requests} requests, ` +
      `${report.import.segments} segments`,
    "",
    "a fresh replica in another process, with an empty directory:",
    "",
    formatTable(
      ["", "requests", "pages", "moved", "of the whole", "time", "as stock SQLite"],
      [openRow(report), ...report.queries.map((query) => queryRow(query, database.bytes))],
    ),
    "",
    `push       ${report.push.requests} request(s), ${formatBytes(report.push.bytes)}; the first client sees the rows`,
    `conflict   the second push is refused: ${conflict.status}, local rows kept: ` +
      `${yesNo(conflict.localRowsKept)}, reset: ${yesNo(conflict.resetOk)}, ` +
      `saved as ${conflict.savedFile ?? "nothing"}`,
    `restart    both servers killed, caches deleted: opened again with ` +
      `${report.restart.requests} request(s)`,
    `export     integrity_check: ${report.export.integrity}, every table equal: ` +
      yesNo(report.export.tablesEqual),
    "",
    ...failures.map((failure) => `FAILED     ${failure}`),
    report.ok ? "everything held." : "not everything held.",
  ];
  return lines.join("\n");
}

function openRow({ open, database }: DemoReport): readonly (string | number)[] {
  const { requests, bytes } = open;
  return ["open", requests, 0, formatBytes(bytes), share(bytes, database.bytes), "", ""];
}

function queryRow(
  query: QueryReport | SkippedReport,
  databaseBytes: number,
): readonly (string | number)[] {
  if ("skipped" in query) return [query.name, "", "", "", "", "", `skipped: ${query.skipped}`];
  const { name, requests, pages, bytes, ms, equalsStock } = query;
  return [
    name,
    requests,
    pages,
    formatBytes(bytes),
    share(bytes, databaseBytes),
    formatDuration(ms),
    equalsStock ? "equal" : "DIFFERENT",
  ];
}

function share(part: number, whole: number): string {
  return `${((100 * part) / Math.max(whole, 1)).toFixed(3)} %`;
}

function yesNo(holds: boolean): string {
  return holds ? "yes" : "NO";
}

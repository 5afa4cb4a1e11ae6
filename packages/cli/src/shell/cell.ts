import type { SqlValue } from "@graft/sqlite-engine";

/** A value as SQLite's shell has it: NULL as nothing, REAL with its point; bytes as in SQL. */
export function formatCell(value: SqlValue | undefined): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
  return typeof value === "number" ? formatReal(value) : String(value);
}

/** The same on one line of a terminal: control characters are shown, not sent. */
export function formatCellOnLine(value: SqlValue | undefined): string {
  return value === null || value === undefined ? "NULL" : escapeControls(formatCell(value));
}

/** Integers come as bigints: a number is a REAL, and looks like one. */
function formatReal(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? "-Inf" : "Inf";
  const text = String(value);
  if (/[.]/.test(text)) return text;
  const [digits, exponent] = text.split("e");
  return exponent === undefined ? `${digits}.0` : `${digits}.0e${exponent}`;
}

function escapeControls(text: string): string {
  let escaped = "";
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === "\n") escaped += "\\n";
    else if (char === "\t") escaped += "\\t";
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) escaped += "·";
    else escaped += char;
  }
  return escaped;
}

import type { SqlValue } from "@graft/sqlite-engine";

/** A value as text: NULL as nothing, bytes as SQL writes them. */
export function formatCell(value: SqlValue | undefined): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
  return String(value);
}

/** The same on one line of a terminal: control characters are shown, not sent. */
export function formatCellOnLine(value: SqlValue | undefined): string {
  return value === null || value === undefined ? "NULL" : escapeControls(formatCell(value));
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

const LINE_SIZE = 16;
/** Bytes of one dump: a page of any size, and the front of what is longer. */
export const DUMP_SIZE_MAX: number = 65_536;

/** "00000000  53 51 4c 69 …  |SQLi…|"; runs of equal lines are one "*". */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  let previous = "";
  let isSkipping = false;
  const shown = bytes.subarray(0, DUMP_SIZE_MAX);
  for (let offset = 0; offset < shown.length; offset += LINE_SIZE) {
    const line = lineOf(shown.subarray(offset, offset + LINE_SIZE));
    const isLast = offset + LINE_SIZE >= shown.length;
    if (line === previous && !isLast) {
      if (!isSkipping) lines.push("*");
      isSkipping = true;
      continue;
    }
    isSkipping = false;
    previous = line;
    lines.push(`${offset.toString(16).padStart(8, "0")}  ${line}`);
  }
  if (bytes.length > shown.length) lines.push(`… ${bytes.length - shown.length} more bytes`);
  return lines.join("\n");
}

function lineOf(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
  );
  const left = hex.slice(0, 8).join(" ").padEnd(23);
  const right = hex.slice(8).join(" ").padEnd(23);
  return `${left}  ${right}  |${text.join("")}|`;
}

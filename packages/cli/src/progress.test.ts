import { SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import { Output } from "./output.ts";
import { ProgressBar } from "./progress.ts";

/** What a bar writes to stderr, in a terminal or not. */
async function draw(isTTY: boolean, isJson: boolean, shares: readonly number[]): Promise<string> {
  let text = "";
  const stderr = {
    isTTY,
    write: (part: string) => (text += part),
  } as unknown as NodeJS.WriteStream;
  const clock = new SimulatedClock();
  const output = new Output({ isJson, stdout: stderr, stderr });
  const bar = new ProgressBar("import", 4096, output, clock);
  for (const done of shares) {
    await clock.advance(100);
    bar.update({ done, total: 1_000 });
  }
  bar.end();
  return text;
}

describe("a progress bar", () => {
  it("is redrawn on one line of a terminal, and left there at the end", async () => {
    const text = await draw(true, false, [500, 1_000]);
    expect(text.split("\r\u001b[2K").map((line) => line.trimEnd())).toEqual([
      "",
      "import ████████████░░░░░░░░░░░░  50%  2.0 MiB  20 MiB/s",
      "import ████████████████████████ 100%  3.9 MiB  20 MiB/s",
    ]);
    expect(text.endsWith("\n")).toBe(true);
  });

  it("is a few lines elsewhere", async () => {
    const shares = Array.from({ length: 100 }, (_, at) => (at + 1) * 10);
    const lines = (await draw(false, false, shares)).trimEnd().split("\n");
    expect(lines.map((line) => /\d+%/.exec(line)?.[0])).toEqual(["25%", "50%", "75%", "100%"]);
  });

  it("is nothing beside JSON", async () => {
    expect(await draw(true, true, [500, 1_000])).toBe("");
  });
});

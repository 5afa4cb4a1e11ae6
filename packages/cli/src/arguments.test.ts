import { describe, expect, it } from "vitest";
import { mustValue, numberValue, parseArguments } from "./arguments.ts";
import type { Command, Invocation } from "./command.ts";

const COMMAND: Command = {
  name: "do",
  summary: "",
  positionals: "TAG [FILE]",
  positionalCount: { min: 1, max: 2 },
  flags: [
    { name: "url", value: "URL", help: "", environment: "GRAFT_URL" },
    { name: "force", help: "" },
  ],
  run: () => Promise.resolve(),
};

function parse(words: readonly string[], environment: Record<string, string> = {}): Invocation {
  return parseArguments(COMMAND, words, environment) as Invocation;
}

describe("arguments", () => {
  it("are positionals, values and switches in any order", () => {
    const { positionals, values, switches } = parse(["--force", "a", "--url=x", "b"]);
    expect(positionals).toEqual(["a", "b"]);
    expect(values.get("url")).toBe("x");
    expect(switches.has("force")).toBe(true);
  });

  it("come from the environment where a flag is not given", () => {
    expect(parse(["a"], { GRAFT_URL: "from there" }).values.get("url")).toBe("from there");
    expect(parse(["a", "--url", "x"], { GRAFT_URL: "y" }).values.get("url")).toBe("x");
  });

  it("after -- are positionals, whatever they look like", () => {
    expect(parse(["a", "--", "--force"]).positionals).toEqual(["a", "--force"]);
  });

  it.each([
    [["a", "b", "c"], "expected TAG [FILE], got 3 argument(s)"],
    [[], "expected TAG [FILE], got 0 argument(s)"],
    [["a", "--nothing"], "Unknown option '--nothing'"],
    [["a", "--url"], "argument missing"],
    [["a", "--force=yes"], "does not take an argument"],
  ])("that make no sense are refused: %j", (words, message) => {
    expect(() => parse(words)).toThrow(message);
    expect(() => parse(words)).toThrow(expect.objectContaining({ name: "UsageError" }));
  });

  it("that must be there are asked for by name", () => {
    expect(() => mustValue(parse(["a"]), "url", "GRAFT_URL")).toThrow(
      "--url is missing: name it (or set GRAFT_URL)",
    );
  });

  it.each(["x", "-1", "11", "1.5", ""])("that are no number in range are refused: %j", (text) => {
    const bounds = { fallback: 3, min: 0, max: 10 };
    const words = ["a", `--url=${text}`];
    expect(() => numberValue(parse(words), "url", bounds)).toThrow(
      "expected a whole number, 0 … 10",
    );
  });
});

import { describe, expect, test } from "vitest";
import { findLongProse } from "../../../scripts/tidiness/prose.ts";
import { drawChart, shareOf } from "./chart.ts";
import { leadersBeside } from "./leaders.ts";
import { parseScorecardOptions } from "./options.ts";
import { type ColdMeasured, type ColdResult, isLoaded, type Scorecard } from "./scorecard.ts";
import { formatNumber, formatSpread, spreadOf } from "./spread.ts";
import { writeScorecard, writeTable } from "./table.ts";
import { withoutPaths } from "./without-paths.ts";

const one = (value: number) => spreadOf([value]);

function measured(peer: string, rtt: number, figures: Partial<ColdMeasured> = {}): ColdMeasured {
  return {
    kind: "measured",
    peer,
    query: "Q1",
    rtt,
    ms: one(50),
    openMs: one(20),
    roundTrips: one(2),
    requests: one(3),
    bytesDown: one(12_000),
    connections: one(1),
    residentBytes: one(60e6),
    again: { ms: one(0.5), requests: one(0) },
    ...figures,
  };
}

function cardOf(cold: readonly ColdResult[], load: readonly [number, number] = [0, 0]): Scorecard {
  const names = [...new Set(cold.map(({ peer }) => peer))];
  return {
    takenAt: "2026-01-02T03:04:05.000Z",
    commit: "abc1234",
    command: "npx -y pnpm@12 bench peers",
    machine: { processors: 2, model: "m", memoryBytes: 8e9, system: "Linux", node: "v26", load },
    dataset: { posts: 2000, users: 200, likes: 600, seed: 42, bytes: 409_600, pages: 100 },
    rtts: [0, 20],
    queries: [{ name: "Q1", what: "lookup", sql: "SELECT 1", limitPages: 5, limitBytes: 6000 }],
    peers: names.map((name) => ({ name, packages: ["p@1"], way: "HTTP", unfair: ["much"] })),
    cold,
    works: [],
  };
}

describe("a spread", () => {
  test("says its median and, where there was any, its range", () => {
    expect(formatSpread(spreadOf([3, 1, 2]))).toBe("2 (1–3)");
    expect(formatSpread(spreadOf([7, 7]))).toBe("7");
  });

  test.each([
    [0.01234, "0.0123"],
    [12.345, "12.3"],
    [99.99, "100"],
    [1234.5, "1,235"],
  ])("%d is written as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

test("a message keeps no path of the machine it was said on, and its addresses", () => {
  const said = withoutPaths("cannot open `/a/b-c/d.db`: see http://127.0.0.1:80/x/y and a/b/c");
  expect(said).toBe("cannot open `…/d.db`: see http://127.0.0.1:80/x/y and a/b/c");
});

describe("the table", () => {
  test("keeps a cell with a bar or a line break in one cell", () => {
    expect(writeTable(["a"], [["x|y\nz"]])).toBe("| a |\n|---|\n| x\\|y z |");
  });

  test("has as many cells in every row as columns, whatever became of a peer", () => {
    const failed: ColdResult = { kind: "failed", peer: "f", query: "Q1", rtt: 20, why: "ended" };
    const card = cardOf([measured("graft, a", 0), measured("graft, a", 20), failed]);
    const absent = { name: "gone", packages: [], way: "-", unfair: [], absence: "no such package" };
    const text = writeScorecard({ ...card, peers: [...card.peers, absent] });
    const rows = text.split("\n").filter((line) => line.startsWith("|"));
    expect(rows).toHaveLength(5);
    expect(new Set(rows.map((row) => row.split("|").length)).size).toBe(1);
    expect(text).toContain("| gone | not run: no such package |");
    expect(text).toContain("| f | failed: ended |");
  });

  test("counts where a delay keeps requests and answers apart", () => {
    const fast = measured("graft, a", 0, { roundTrips: one(9) });
    const text = writeScorecard(cardOf([fast, measured("graft, a", 20, { roundTrips: one(4) })]));
    expect(text).toContain("| graft, a | 4 | 3 | 12 | 2 | 50 | 50 | 0.5 | 60 | – | – |");
  });

  test("has no line of prose that is longer than prose may be", () => {
    const text = writeScorecard(cardOf([measured("graft, a", 20)], [3, 3]));
    expect(findLongProse("scorecard.md", text.split("\n"))).toEqual([]);
  });

  test("marks milliseconds of a loaded machine, and only those", () => {
    const [quiet, loaded] = [cardOf([], [0.1, 2]), cardOf([], [3, 3])];
    expect([isLoaded(quiet), isLoaded(loaded)]).toEqual([false, true]);
    expect(writeScorecard(quiet)).not.toContain("no claim");
    expect(writeScorecard(loaded)).toContain("no claim");
    expect(writeScorecard(loaded)).toContain("ms* at 20");
  });
});

describe("whoever is ahead of ours is named", () => {
  test("against the best of ours, and not who failed", () => {
    const card = cardOf([
      measured("graft, a", 20, { bytesDown: one(9000) }),
      measured("graft, b", 20, { bytesDown: one(5000) }),
      measured("lean", 20, { bytesDown: one(4000) }),
      measured("fat", 20, { bytesDown: one(6000) }),
      { kind: "failed", peer: "gone", query: "Q1", rtt: 20, why: "ended" },
    ]);
    const leaders = leadersBeside(card);
    expect(leaders).toEqual([
      { query: "Q1", measure: "bytes", peer: "lean", theirs: 4000, ours: 5000, why: undefined },
    ]);
    expect(writeScorecard(card)).toContain("- Q1, bytes: lean 4,000, ours 5,000");
  });

  test("in milliseconds only where the machine was quiet", () => {
    const cold = [measured("graft, a", 20), measured("fast", 20, { ms: one(30) })];
    expect(leadersBeside(cardOf(cold)).map(({ measure }) => measure)).toEqual(["ms at 20"]);
    expect(leadersBeside(cardOf(cold, [3, 3]))).toEqual([]);
  });

  test("and nobody where nobody is", () => {
    expect(writeScorecard(cardOf([measured("graft, a", 20)]))).toContain("Nobody, in no row.");
  });
});

describe("the chart", () => {
  test("has two bars a peer and a line for the limit, and is well-formed", () => {
    const svg = drawChart(cardOf([measured("graft, a", 20), measured("x < y & z", 20)]));
    expect(svg.match(/<rect /g)).toHaveLength(4);
    expect(svg.match(/<line /g)).toHaveLength(1);
    expect(svg).toContain("x &lt; y &amp; z");
    expect(svg).not.toContain("NaN");
  });

  test("draws nothing wider than its panel, and nothing of nobody", () => {
    const sizes = [1, 10, 1e9];
    for (const size of [0, ...sizes, 1e12]) {
      expect(shareOf(size, sizes)).toBeGreaterThanOrEqual(0);
      expect(shareOf(size, sizes)).toBeLessThanOrEqual(1);
    }
    expect(drawChart(cardOf([]))).not.toContain("NaN");
  });
});

describe("the flags", () => {
  test("of a quick look are small, and write nothing", () => {
    const options = parseScorecardOptions(["--quick"]);
    expect(options).toMatchObject({ posts: 5000, samples: 1, rtts: [20], out: undefined });
  });

  test("name peers and queries, and where the scorecard goes", () => {
    const options = parseScorecardOptions(["--peers", "graft,whole", "--out", "x"]);
    expect(options).toMatchObject({ peers: ["graft", "whole"], queries: undefined, out: "x" });
  });

  test.each([
    ["--posts", "12345"],
    ["--posts", "many"],
    ["--rtts", "0,fast"],
    ["--samples", "0"],
    ["--what", "ever"],
  ])("%s %s is refused", (...words) => {
    expect(parseScorecardOptions(words)).toBeUndefined();
  });
});

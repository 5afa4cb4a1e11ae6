import { expect, test } from "vitest";
import { parseExposition } from "./parse-exposition.ts";

const COUNTER = "# HELP n_total N.\n# TYPE n_total counter\n";
const HISTOGRAM = "# HELP s_seconds S.\n# TYPE s_seconds histogram\n";

test("a text is read as it was meant", () => {
  const text = `${COUNTER}n_total{a="x\\"\\\\\\n",b="}, "} 3\nn_total 1e+21\n`;
  expect(parseExposition(text).get("n_total")).toEqual({
    name: "n_total",
    help: "N.",
    type: "counter",
    samples: [
      { name: "n_total", labels: { a: 'x"\\\n', b: "}, " }, value: 3 },
      { name: "n_total", labels: {}, value: 1e21 },
    ],
  });
});

test.each([
  ["no line feed at the end", `${COUNTER}n_total 1`],
  ["an empty line", `${COUNTER}\nn_total 1\n`],
  ["a sample before its metric", "n_total 1\n"],
  ["a sample of another metric", `${COUNTER}m_total 1\n`],
  ["no value", `${COUNTER}n_total\n`],
  ["no number", `${COUNTER}n_total one\n`],
  ["a counter below 0", `${COUNTER}n_total -1\n`],
  ["a series twice", `${COUNTER}n_total{a="1",b="2"} 1\nn_total{b="2",a="1"} 1\n`],
  ["a label twice", `${COUNTER}n_total{a="1",a="2"} 1\n`],
  ["a comma too many", `${COUNTER}n_total{a="1",} 1\n`],
  ["an open label", `${COUNTER}n_total{a="1} 1\n`],
  ["another escape", `${COUNTER}n_total{a="\\t"} 1\n`],
  ["a reserved label", `${COUNTER}n_total{__a="1"} 1\n`],
  ["a quantile", `${COUNTER}n_total{quantile="1"} 1\n`],
  ["a metric twice", `${COUNTER}n_total 1\n${COUNTER}`],
  ["a counter without _total", "# HELP n N.\n# TYPE n counter\n"],
  ["a gauge with it", "# HELP n_total N.\n# TYPE n_total gauge\n"],
  ["milliseconds", "# HELP n_ms N.\n# TYPE n_ms gauge\n"],
  ["a TYPE alone", "# TYPE n_total counter\n"],
  ["no help", "# HELP n_total \n# TYPE n_total counter\n"],
  [
    "no last bucket",
    `${HISTOGRAM}s_seconds_bucket{le="1"} 1\ns_seconds_sum 1\ns_seconds_count 1\n`,
  ],
  [
    "buckets that do not add up",
    `${HISTOGRAM}s_seconds_bucket{le="1"} 2\ns_seconds_bucket{le="+Inf"} 1\n` +
      "s_seconds_sum 1\ns_seconds_count 1\n",
  ],
  ["no sum", `${HISTOGRAM}s_seconds_bucket{le="+Inf"} 1\ns_seconds_count 1\n`],
])("%s is refused", (_what, text) => {
  expect(() => parseExposition(text)).toThrow(Error);
});

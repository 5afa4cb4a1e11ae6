/**
 * Bytes and round trips of each query as bars, one group a query, on logarithmic scales. Pure: a
 * scorecard in, SVG out.
 */
import { type ColdMeasured, countedRtt, isOurs, type Scorecard } from "./scorecard.ts";
import { formatKilobytes, formatNumber } from "./spread.ts";

const BAR_HEIGHT = 14;
const BAR_GAP = 3;
const GROUP_GAP = 30;
const LABEL_WIDTH = 210;
const PANEL_WIDTH = 300;
/** Room for the figure behind the longest bar. */
const FIGURE_WIDTH = 70;
const MARGIN = 16;
const HEAD_HEIGHT = 34;
const OUR_COLOUR = "#0b7285";
const PEER_COLOUR = "#adb5bd";
const LIMIT_COLOUR = "#c92a2a";
const STYLE = `text{font:11px sans-serif;fill:#212529}.t{font-weight:bold}
@media(prefers-color-scheme:dark){text{fill:#dee2e6}}`;

interface Panel {
  readonly title: string;
  readonly of: (result: ColdMeasured) => number;
  readonly format: (value: number) => string;
}

const PANELS: readonly Panel[] = [
  {
    title: "kB to the replica",
    of: ({ bytesDown }) => bytesDown.median,
    format: formatKilobytes,
  },
  { title: "round trips", of: ({ roundTrips }) => roundTrips.median, format: formatNumber },
];

export function drawChart(card: Scorecard): string {
  const rtt = countedRtt(card.rtts);
  const results = card.cold.filter(
    (one): one is ColdMeasured => one.kind === "measured" && one.rtt === rtt,
  );
  const groups = card.queries.map((query) => ({
    query,
    results: results.filter((one) => one.query === query.name),
  }));
  const parts: string[] = [];
  let top = MARGIN + HEAD_HEIGHT;
  for (const { query, results: members } of groups) {
    parts.push(text(MARGIN, top - 8, `${query.name}: ${query.what}`, "t"));
    const height = members.length * (BAR_HEIGHT + BAR_GAP);
    for (const [at, result] of members.entries()) {
      parts.push(...drawRow(result, top + at * (BAR_HEIGHT + BAR_GAP), results));
    }
    parts.push(drawLimit(query.limitBytes, { top, height, results }));
    top += height + GROUP_GAP;
  }
  const width = MARGIN * 2 + LABEL_WIDTH + PANELS.length * (PANEL_WIDTH + FIGURE_WIDTH);
  const titles = PANELS.map(({ title }, at) =>
    text(leftOf(at), MARGIN, `${title}, logarithmic`, "t"),
  );
  const legend = `red line: the limit; counted at ${rtt} ms`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" role="img">`,
    `<title>Bytes and round trips of cold queries</title><style>${STYLE}</style>`,
    ...titles,
    text(MARGIN, MARGIN, legend, ""),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function drawRow(
  result: ColdMeasured,
  top: number,
  all: readonly ColdMeasured[],
): readonly string[] {
  const colour = isOurs(result.peer) ? OUR_COLOUR : PEER_COLOUR;
  const base = top + BAR_HEIGHT - 3;
  const bars = PANELS.flatMap(({ of, format }, at) => {
    const width = PANEL_WIDTH * shareOf(of(result), all.map(of));
    const left = leftOf(at);
    const size = `width="${width.toFixed(1)}" height="${BAR_HEIGHT}"`;
    return [
      `<rect x="${left}" y="${top}" ${size} fill="${colour}"/>`,
      text(left + width + 4, base, format(of(result)), ""),
    ];
  });
  return [text(MARGIN, base, result.peer, ""), ...bars];
}

function drawLimit(
  bytes: number,
  place: {
    readonly top: number;
    readonly height: number;
    readonly results: readonly ColdMeasured[];
  },
): string {
  const sizes = place.results.map(({ bytesDown }) => bytesDown.median);
  const x = (leftOf(0) + PANEL_WIDTH * shareOf(bytes, sizes)).toFixed(1);
  const line = `x1="${x}" x2="${x}" y1="${place.top}" y2="${place.top + place.height}"`;
  return `<line ${line} stroke="${LIMIT_COLOUR}" stroke-width="1.5"/>`;
}

/** 0 … 1 between one tenth of the least of all and the greatest. */
export function shareOf(value: number, all: readonly number[]): number {
  const least = Math.min(...all.filter((one) => one > 0), Number.MAX_VALUE) / 10;
  const most = Math.max(...all, least * 10);
  const share = Math.log(Math.max(value, least) / least) / Math.log(most / least);
  return Math.min(1, share);
}

function leftOf(panel: number): number {
  return MARGIN + LABEL_WIDTH + panel * (PANEL_WIDTH + FIGURE_WIDTH);
}

function text(x: number, y: number, content: string, style: string): string {
  const kind = style === "" ? "" : ` class="${style}"`;
  return `<text x="${x.toFixed(1)}" y="${y}"${kind}>${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

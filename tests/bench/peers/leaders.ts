/** Rows in which a peer is ahead of the best of ours: each needs a reason, or mending. */
import { type ColdMeasured, countedRtt, isLoaded, isOurs, type Scorecard } from "./scorecard.ts";

export interface Leader {
  readonly query: string;
  /** "round trips", "bytes", "ms at 20". */
  readonly measure: string;
  readonly peer: string;
  readonly theirs: number;
  readonly ours: number;
  readonly why: string | undefined;
}

interface Measure {
  readonly name: string;
  readonly rtt: number;
  readonly of: (result: ColdMeasured) => number;
}

/** Who moves the whole file once needs no second round trip, whatever is asked. */
const REASONS: readonly {
  readonly peer: RegExp;
  readonly measure: RegExp;
  readonly why: string;
}[] = [
  {
    peer: /^whole file/,
    measure: /^(?:round trips|ms)/,
    why: "It moves everything at once, over a link without a limit.",
  },
  {
    peer: /^Turso/,
    measure: /^round trips/,
    why: "It moves 128 KiB and more at a time.",
  },
  {
    peer: /^sqlite-graft 0\.2/,
    measure: /^round trips/,
    why: "It moves frames of many pages, about 100 kB at a time.",
  },
  {
    peer: /^sqlite-graft 0\.2/,
    measure: /^bytes/,
    why: "Its frames compress many pages together.",
  },
];

/**
 * In the order of the queries; only who answered is compared, and milliseconds only when the
 * machine was quiet.
 */
export function leadersBeside(card: Scorecard): readonly Leader[] {
  const counted = countedRtt(card.rtts);
  const measures: readonly Measure[] = [
    { name: "round trips", rtt: counted, of: ({ roundTrips }) => roundTrips.median },
    { name: "bytes", rtt: counted, of: ({ bytesDown }) => bytesDown.median },
    ...card.rtts
      .filter((rtt) => rtt > 0 && !isLoaded(card))
      .map((rtt) => ({ name: `ms at ${rtt}`, rtt, of: ({ ms }: ColdMeasured) => ms.median })),
  ];
  return card.queries.flatMap((query) =>
    measures.flatMap((measure) => leadersOf(card, query.name, measure)),
  );
}

function leadersOf(card: Scorecard, query: string, measure: Measure): readonly Leader[] {
  const results = card.cold.filter(
    (one): one is ColdMeasured =>
      one.kind === "measured" && one.query === query && one.rtt === measure.rtt,
  );
  if (!results.some(({ peer }) => isOurs(peer))) return [];
  const ours = Math.min(...results.filter(({ peer }) => isOurs(peer)).map(measure.of));
  return results
    .filter((one) => !isOurs(one.peer) && measure.of(one) < ours)
    .map((one) => ({
      query,
      measure: measure.name,
      peer: one.peer,
      theirs: measure.of(one),
      ours,
      why: reasonFor(one.peer, measure.name),
    }));
}

function reasonFor(peer: string, measure: string): string | undefined {
  return REASONS.find((one) => one.peer.test(peer) && one.measure.test(measure))?.why;
}

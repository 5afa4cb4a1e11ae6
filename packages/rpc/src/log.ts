/** Facts of a log line: JSON-safe values, LSNs as numbers or text. */
export type LogFacts = Readonly<Record<string, unknown>>;

/** A structured log: facts first, then a short sentence. pino's loggers fit as they are. */
export interface Log {
  debug(facts: LogFacts, message: string): void;
  info(facts: LogFacts, message: string): void;
  warn(facts: LogFacts, message: string): void;
  error(facts: LogFacts, message: string): void;
}

/** Says nothing; for tests and libraries. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

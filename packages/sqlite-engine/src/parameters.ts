import { GraftError } from "@graft/core";
import type { EngineCore } from "./engine-core.ts";
import * as code from "./result-codes.ts";
import type { Pointer } from "./sqlite-exports.ts";
import type { SqlParameter } from "./values.ts";
import { bindValue, isBytes, toBytes } from "./values.ts";

/** Values by name, with or without the prefix: `{ id: 7 }` or `{ ":id": 7 }`. */
export type NamedParameters = Readonly<Record<string, SqlParameter>>;

/**
 * What `get`, `all`, `iterate` and `run` take: an object with named values first, if any, then
 * values for the parameters without a name (`?`, `?1`), in order. What is not given is NULL.
 */
export type Parameters =
  | readonly SqlParameter[]
  | readonly [NamedParameters, ...(readonly SqlParameter[])];

/** The parameters of one statement: their positions, 1-based, by name and in order. */
export class ParameterMap {
  readonly #byName: Map<string, number> = new Map();
  readonly #ambiguous: Set<string> = new Set();
  readonly #anonymous: number[] = [];

  constructor(core: EngineCore, statement: Pointer) {
    const { exports, heap } = core;
    const count = exports.sqlite3_bind_parameter_count(statement);
    for (let index = 1; index <= count; index++) {
      const name = heap.decodeCString(exports.sqlite3_bind_parameter_name(statement, index));
      if (name === undefined || name.startsWith("?")) {
        this.#anonymous.push(index);
        continue;
      }
      this.#byName.set(name, index);
      const bare = name.slice(1);
      if (this.#byName.has(bare)) this.#ambiguous.add(bare);
      else this.#byName.set(bare, index);
    }
  }

  /** Whether these values give every parameter one: nothing of an earlier use is left then. */
  covers(parameters: Parameters): boolean {
    return (
      this.#byName.size === 0 &&
      parameters.length === this.#anonymous.length &&
      !isNamedParameters(parameters[0])
    );
  }

  /**
   * Binds all values. Throws `invalid-argument` for an unknown name, an odd value, or one too many.
   */
  bind(core: EngineCore, statement: Pointer, parameters: Parameters): void {
    const [first] = parameters;
    const named = isNamedParameters(first) ? first : undefined;
    for (const name in named) {
      bindAt(core, statement, this.#mustIndexOf(name), named[name]);
    }
    for (let at = named === undefined ? 0 : 1; at < parameters.length; at++) {
      const index = this.#anonymous[named === undefined ? at : at - 1];
      if (index === undefined)
        throw this.#tooMany(parameters.length - (named === undefined ? 0 : 1));
      bindAt(core, statement, index, parameters[at]);
    }
  }

  #mustIndexOf(name: string): number {
    const index = this.#byName.get(name);
    if (index === undefined || this.#ambiguous.has(name)) {
      throw new GraftError(
        "invalid-argument",
        index === undefined
          ? `the statement has no parameter named "${name}"; it has ${this.#listNames()}`
          : `parameter "${name}" exists with several prefixes; give the prefix as well`,
      );
    }
    return index;
  }

  #listNames(): string {
    const names = [...this.#byName.keys()].filter((name) => /^[:@$]/.test(name));
    return names.length === 0 ? "no named parameters" : names.join(", ");
  }

  #tooMany(given: number): GraftError {
    return new GraftError(
      "invalid-argument",
      `the statement takes ${this.#anonymous.length} values without a name, got ${given}`,
    );
  }
}

function bindAt(core: EngineCore, statement: Pointer, index: number, value: unknown): void {
  const answer = bindValue(core.exports, core.heap, statement, index, value);
  if (answer !== code.SQLITE_OK) throw core.createError(answer);
}

function isNamedParameters(value: unknown): value is NamedParameters {
  return typeof value === "object" && value !== null && !isBytes(value);
}

/** The same values, in bytes of their own. */
export function copyParameters(parameters: Parameters): Parameters {
  return parameters.map((value) => {
    if (!isNamedParameters(value)) return copyValue(value);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyValue(one)]));
  }) as unknown as Parameters;
}

function copyValue(value: SqlParameter): SqlParameter {
  return isBytes(value) ? toBytes(value).slice() : value;
}

// The set.

// The wire form.
export { decode } from "./decode.ts";
export { encode, encodedSize } from "./encode.ts";
// Sets of sets.
export {
  cut,
  difference,
  intersection,
  intersects,
  union,
  unionInto,
  within,
} from "./set-operations.ts";
export { Splinter, VALUE_MAX, type ValueRange } from "./splinter.ts";
export { type SplinterCondition, SplinterError } from "./splinter-error.ts";

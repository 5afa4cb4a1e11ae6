/**
 * Bytes that end too early, or a number that is out of range or not in its one legal form. The
 * callers of `ByteReader` turn it into a `GraftError` that names the object.
 */
export class BytesError extends RangeError {
  override readonly name = "BytesError";
  /** Where in the bytes it was noticed. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

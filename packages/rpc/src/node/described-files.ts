import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";

/** Proto files and what they define, by name. */
export class DescribedFiles {
  readonly #byName = new Map<string, DescFile>();
  readonly #bySymbol = new Map<string, DescFile>();

  /** The files and all that they import. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
  }

  /** The file, then those it imports, each once. @param name "graft/common/v1/common.proto" */
  byName(name: string): readonly DescFile[] | undefined {
    const file = this.#byName.get(name);
    return file && withImports(file);
  }

  /** As `byName`, of the file that defines a service, method, message, field, oneof or enum. */
  bySymbol(symbol: string): readonly DescFile[] | undefined {
    const file = this.#bySymbol.get(symbol);
    return file && withImports(file);
  }

  #add(file: DescFile): void {
    const name = file.proto.name;
    if (this.#byName.has(name)) return;
    this.#byName.set(name, file);
    for (const symbol of symbolsOf(file)) this.#bySymbol.set(symbol, file);
    for (const imported of file.dependencies) this.#add(imported);
  }
}

function withImports(file: DescFile): readonly DescFile[] {
  const all = new Set([file]);
  // A set's walk reaches what is added on the way.
  for (const one of all) for (const imported of one.dependencies) all.add(imported);
  return [...all];
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) yield `${service.typeName}.${method.name}`;
  }
  for (const message of file.messages) yield* symbolsOfMessage(message);
  for (const type of file.enums) yield* symbolsOfEnum(type);
}

function* symbolsOfMessage(message: DescMessage): Generator<string> {
  yield message.typeName;
  for (const member of [...message.fields, ...message.oneofs]) {
    yield `${message.typeName}.${member.name}`;
  }
  for (const nested of message.nestedMessages) yield* symbolsOfMessage(nested);
  for (const type of message.nestedEnums) yield* symbolsOfEnum(type);
}

/** A value's full name stands beside its enum, not in it. */
function* symbolsOfEnum(type: DescEnum): Generator<string> {
  yield type.typeName;
  const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
  for (const value of type.values) yield `${scope}${value.name}`;
}

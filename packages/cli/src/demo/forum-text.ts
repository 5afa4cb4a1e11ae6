import type { SeededNumbers } from "./seeded-numbers.ts";

const SYLLABLES =
  "ba be bi bo bu da de di do ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe ra re ri ro sa se si so ta te ti to va vi".split(
    " ",
  );
const WORD_COUNT = 4_000;

/** The words of the forum, the frequent ones first. Each is different. */
export function createVocabulary(numbers: SeededNumbers): readonly string[] {
  const words = new Set<string>();
  while (words.size < WORD_COUNT) {
    let word = "";
    // The first, frequent ones are short, as in a language.
    const length = 2 + Math.floor(words.size / (WORD_COUNT / 2)) + numbers.below(2);
    for (let at = 0; at < length; at++) word += SYLLABLES[numbers.below(SYLLABLES.length)];
    words.add(word);
  }
  return [...words];
}

/** So many words, a sentence every dozen. */
export function writeText(
  numbers: SeededNumbers,
  vocabulary: readonly string[],
  wordCount: number,
): string {
  const words: string[] = [];
  for (let at = 0; at < wordCount; at++) {
    const word = vocabulary[numbers.skewed(vocabulary.length)] ?? "";
    words.push(at % 12 === 11 ? `${word}.` : word);
  }
  return words.join(" ");
}

/**
 * Filters for rows in which every word of a query stands in one of the fields, in any case.
 * A word's `%` and `_` mean themselves.
 */
export function containsAllWords(query: string | undefined, fields: string[]) {
  return wordsOf(query).map((word) => ({ OR: fields.map((field) => ({ [field]: { contains: word, mode: "insensitive" as const } })) }));
}

/** The same for `ILIKE ALL`: a pattern for each word. */
export function patternsOf(query: string | undefined): string[] {
  return wordsOf(query).map((word) => `%${word}%`);
}

function wordsOf(query: string | undefined): string[] {
  return query?.split(/\s+/).filter(Boolean).map(escapeLike) ?? [];
}

function escapeLike(word: string): string {
  return word.replace(/[\\%_]/g, "\\$&");
}

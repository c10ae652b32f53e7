/**
 * Filters for rows in which every word of a query stands in one of the fields, in any case.
 * A word's `%` and `_` mean themselves.
 */
export function containsAllWords(query: string | undefined, fields: string[]) {
  const words = query?.split(/\s+/).filter(Boolean) ?? [];
  return words.map((word) => ({ OR: fields.map((field) => ({ [field]: { contains: escapeLike(word), mode: "insensitive" as const } })) }));
}

function escapeLike(word: string): string {
  return word.replace(/[\\%_]/g, "\\$&");
}

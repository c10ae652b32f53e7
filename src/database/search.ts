// What `q` looks for, and where. The database keeps beside each row what of it is searched, without
// case and accents (`searchable` in the migrations); a query is read in the same way.

// Letters that are no accented ones, and what people type for them.
const TYPED: Record<string, string> = { ς: "σ", ø: "o", ł: "l", đ: "d", ħ: "h", ŧ: "t", ı: "i" };

/** Filters for rows in which every word of a query stands, in any case, with accents or without. A word's `%` and `_` mean themselves. */
export function containsAllWords(query: string | undefined) {
  return wordsOf(query).map((word) => ({ searched: { contains: word } }));
}

/** The same for `LIKE ALL`, of what is `searchable`: a pattern for each word. */
export function patternsOf(query: string | undefined): string[] {
  return wordsOf(query).map((word) => `%${word}%`);
}

function wordsOf(query: string | undefined): string[] {
  return query?.split(/\s+/).map(searchable).filter(Boolean).map(escapeLike) ?? [];
}

/** As the database has it. */
function searchable(word: string): string {
  return word
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[ςøłđħŧı]/g, (letter) => TYPED[letter] as string);
}

function escapeLike(word: string): string {
  return word.replace(/[\\%_]/g, "\\$&");
}

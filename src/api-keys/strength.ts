const ENOUGH_BITS = 84;
const SHORTEST_REPEAT = 3;

// Whoever guesses begins with these.
const WORDS =
  /administrator|admin|secret|password|passwort|passwd|cairn|change|replace|default|example|sample|production|bearer|token|letmein|welcome|correct|horse|battery|staple|qwerty|asdf|test|demo|benchmarks?|api|key|you(?:r)?|this|with|please|insert|here|some|long|random|string|value|for|and|the|an|me|my/gi;

/**
 * Whether a key that somebody chose could be guessed. What follows from what stands before it is
 * left out (words that everybody uses, repetitions, runs such as `abc` and `321`); of the rest the
 * bits are estimated by how often each character comes.
 */
export function isGuessable(secret: string): boolean {
  const rest = withoutRuns(withoutRepeats(secret.replaceAll(WORDS, "")));
  const counts = new Map<string, number>();
  for (const character of rest) counts.set(character, (counts.get(character) ?? 0) + 1);
  const bits = [...counts.values()].reduce((sum, count) => sum - count * Math.log2(count / rest.length), 0);
  return bits < ENOUGH_BITS;
}

/** Leaves out each part that has stood before. */
function withoutRepeats(text: string): string {
  let kept = "";
  for (let at = 0; at < text.length; ) {
    let length = 0;
    while (at + length < text.length && text.slice(0, at + length).includes(text.slice(at, at + length + 1))) length++;
    if (length < SHORTEST_REPEAT) kept += text.slice(at, at + Math.max(1, length));
    at += Math.max(1, length);
  }
  return kept;
}

/** Leaves out each character that the two before it lead up to. */
function withoutRuns(text: string): string {
  const step = (at: number) => text.charCodeAt(at) - text.charCodeAt(at - 1);
  return [...text].filter((_, at) => at < 2 || Math.abs(step(at)) > 1 || step(at) !== step(at - 1)).join("");
}

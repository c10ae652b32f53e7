import { isUtf8 } from "node:buffer";
import { AppError } from "../errors";

/** A line of an upload by the number that an editor shows; of a table's row that spans several, the first. */
export type Line = { number: number } & ({ text: string } | { error: AppError });

/** What ends an upload before its end: from this line on nothing can be read. */
export class BrokenUpload extends Error {
  override name = "BrokenUpload";

  constructor(
    readonly problem: AppError,
    readonly line: number,
  ) {
    super(problem.detail);
  }
}

/** Far more than any item may hold, and little enough to be kept while its end is awaited. */
const LONGEST_LINE_BYTES = 262_144;
const [NEWLINE, QUOTE, COMMA] = [0x0a, 0x22, 0x2c];
const BYTE_ORDER_MARK = "\ufeff";

export type Splitter = { push(block: Buffer): Line[]; end(): Line[]; line(): number };

/**
 * Splits an upload into its lines, however it is cut into blocks. Empty ones are left out.
 *
 * It stands here rather than in a CSV reader because of what it tells: where bytes are no UTF-8, and
 * where a line never ends, each with its number.
 *
 * @param quotes whether newlines within quotes belong to the line, as in CSV
 */
export function splitLines(quotes: boolean): Splitter {
  // The line that has begun, in room that grows by doubling: a sender of tiny blocks does not have it copied for each.
  let room: Buffer = Buffer.alloc(0);
  let rest: Buffer = room;
  let scanned = 0;
  let quoted = false;
  let skipping = false;
  let broken: BrokenUpload | undefined;
  let number = 1;

  const push = (block: Buffer): Line[] => {
    if (broken) throw broken;
    const bytes = rest.length ? append(block) : block;
    const lines: Line[] = [];
    let start = 0;
    for (let end = endOfLine(bytes, start); end >= 0; end = endOfLine(bytes, start)) {
      add(lines, bytes.subarray(start, end));
      start = scanned = end + 1;
    }
    rest = bytes.subarray(start);
    scanned -= start;
    if (rest.length > LONGEST_LINE_BYTES) skip(lines);
    return lines;
  };

  const append = (block: Buffer): Buffer => {
    const length = rest.length + block.length;
    if (rest.buffer !== room.buffer || rest.byteOffset + length > room.byteOffset + room.length) {
      const wider = Buffer.alloc(2 * length);
      rest.copy(wider);
      room = wider;
      rest = room.subarray(0, rest.length);
    }
    const end = rest.byteOffset - room.byteOffset + rest.length;
    block.copy(room, end);
    return room.subarray(end - rest.length, end + block.length);
  };

  /** Where the line that begins at `start` ends; -1: not yet. */
  const endOfLine = (bytes: Buffer, start: number): number => {
    while (quotes) {
      const quote = nextQuote(bytes, scanned);
      if (quoted) {
        if (quote < 0) return later(bytes.length);
        if (quote + 1 === bytes.length) return later(quote);
        quoted = bytes[quote + 1] === QUOTE;
        scanned = quote + 1;
        // Two quotes are one that is meant.
        if (quoted) scanned++;
        continue;
      }
      const newline = nextNewline(bytes, scanned);
      if (newline >= 0 && (quote < 0 || newline < quote)) return newline;
      if (quote < 0) return later(bytes.length);
      quoted = quote === start || bytes[quote - 1] === COMMA;
      scanned = quote + 1;
    }
    const newline = bytes.indexOf(NEWLINE, scanned);
    return newline >= 0 ? newline : later(bytes.length);
  };
  const later = (from: number): -1 => {
    scanned = from;
    return -1;
  };

  // Each is looked for once, not anew for every other one before it.
  const nextQuote = finder(QUOTE);
  const nextNewline = finder(NEWLINE);

  const add = (lines: Line[], bytes: Buffer): void => {
    const first = number;
    const raw = bytes.toString();
    number += quotes && bytes.includes(QUOTE) ? raw.split("\n").length : 1;
    if (skipping) {
      skipping = false;
      return;
    }
    if (raw.includes("\ufffd") && !isUtf8(bytes)) {
      lines.push({ number: first, error: notUtf8() });
      return;
    }
    const text = (first === 1 && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(1) : raw).replace(/\r$/, "");
    if (text !== "") lines.push({ number: first, text });
  };

  /** A line that is no end in sight of is not kept. In a table nobody can say where the next row begins. */
  const skip = (lines: Line[]): void => {
    const tooLong = new AppError(
      "invalid-request",
      `The line is longer than ${LONGEST_LINE_BYTES} bytes, more than anything here can be. ${quotes ? "Perhaps a quote on it is never closed." : ""}`.trim(),
    );
    // Thrown at the next block: what comes before it is whole.
    if (quotes) broken = new BrokenUpload(tooLong, number);
    else if (!skipping) lines.push({ number, error: tooLong });
    skipping = true;
    rest = Buffer.alloc(0);
    scanned = 0;
  };

  const end = (): Line[] => {
    if (broken) throw broken;
    const lines: Line[] = [];
    if (rest.length || skipping) add(lines, rest);
    rest = Buffer.alloc(0);
    return lines;
  };

  return { push, end, line: () => number };
}

/** Finds the next of a byte. Asked from further and further on, it reads a block once. */
function finder(byte: number): (bytes: Buffer, from: number) => number {
  let known: { bytes?: Buffer; at: number } = { at: -1 };
  return (bytes, from) => {
    if (known.bytes !== bytes || (known.at >= 0 && known.at < from)) known = { bytes, at: bytes.indexOf(byte, from) };
    return known.at;
  };
}

function notUtf8(): AppError {
  return new AppError("invalid-request", "The line is not UTF-8: perhaps it is Latin-1. Save the file as UTF-8 and send it again.");
}

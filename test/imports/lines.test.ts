import { splitLines } from "../../src/imports/lines";

afterEach(() => jest.restoreAllMocks());

const texts = (blocks: Buffer[], quotes: boolean): string[] => {
  const splitter = splitLines(quotes);
  return [...blocks.flatMap((block) => splitter.push(block)), ...splitter.end()].map((line) => ("text" in line ? line.text : "error"));
};
const inBlocksOf = (size: number, text: string) => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => Buffer.from(bytes.subarray(n * size, (n + 1) * size)));
};

test.each([true, false])("a file is split alike in whatever blocks it comes (quotes: %s)", (quotes) => {
  const file = `a,b\n"x, ""y""",z\r\n\n"two\nlines",é😀\n${"long ".repeat(5_000)}\nlast`;
  const whole = texts([Buffer.from(file)], quotes);
  expect(whole).toHaveLength(quotes ? 5 : 6);
  for (const size of [1, 2, 3, 7, 64, 1_000]) expect(texts(inBlocksOf(size, file), quotes)).toEqual(whole);
});

test.each([
  ["a long line", "x".repeat(100_000)],
  ["line ends within quotes", `"${"\n".repeat(100_000)}"`],
])("%s in tiny blocks is not copied for each of them", (_, text) => {
  const blocks = inBlocksOf(1, text);
  let copied = 0;
  const [alloc, concat] = [Buffer.alloc, Buffer.concat];
  jest.spyOn(Buffer, "alloc").mockImplementation((size, ...rest) => {
    copied += size;
    return alloc(size, ...(rest as []));
  });
  jest.spyOn(Buffer, "concat").mockImplementation((list, ...rest) => {
    const whole = concat(list, ...rest);
    copied += whole.length;
    return whole;
  });
  expect(texts(blocks, true)).toHaveLength(1);
  expect(copied).toBeLessThan(8 * text.length);
});

test("many quotes on a line do not each look for its end", () => {
  const block = Buffer.from(`${'x"'.repeat(10_000)}\nlast`);
  const indexOf = jest.spyOn(Buffer.prototype, "indexOf");
  expect(texts([block], true)).toHaveLength(2);
  expect(indexOf.mock.calls.filter(([byte]) => byte === 0x0a).length).toBeLessThan(10);
});

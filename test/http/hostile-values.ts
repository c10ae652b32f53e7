import { NOBODY } from "../access/operations";

// What no client should send, and some of what one may: each once broke something somewhere.

export const TEXTS = [
  ...words("=1+1 @sum(a1) \\ %_\\% ../../etc/passwd null none true 0 -1 1e999 NaN [] {} e\u0301"),
  ...["'; drop table learners; --", "<script>alert(1)</script>", "{{7*7}} #{7*7} %s %n", "👩🏽‍💻 𠜎", "עברית \u202eback\u202c", "İstanbul ß ﬁ ǅ"],
  ...["İ".repeat(60), "a\u2028b", "\ufeff", "\u00a0", "\t", " "],
];

export const LONG = "long ".repeat(8_000);

export const NUMBERS = words("0 -0 -1 1.5 1e0 201 32768 2147483647 2147483648 9007199254740993 1e9 1e308 -1e400 1e-7");

export const DAYS = words("1969-12-31 1970-01-01 2024-02-29 2026-02-30 2999-12-31 3000-01-01 0000-01-01 0001-01-01 9999-12-31 10000-01-01");

export const INSTANTS = words(`
  0000-01-01T00:00:00Z 0000-01-01T00:00:00+23:59 0001-01-01T00:00:00+14:00 1969-12-31T23:59:59.999Z 1970-01-01T00:00:00+14:00
  1970-01-01T00:00:00-14:00 2026-02-30T00:00:00Z 2026-06-16T23:59:60Z 2026-06-16T24:00:00Z 2026-06-16T08:00:00.123456789Z 2026-06-16T08:00:00
  2026-06-16 9999-12-31T23:59:59.999Z 9999-12-31T23:59:59.999-14:00 10000-01-01T00:00:00Z +275760-09-13T00:00:00Z`);

/** Percent-encoded as they stand in a path. What has a raw slash leads to another route, or to none. */
export const PARAMETERS = [
  ...words("<learnerId:1> <goalId:3> <teamId:7> <stepId:11> <fresh:1> 42 0 -1 1.5 01 1e3 2147483647 2147483648 9007199254740993 null none *"),
  ...words("00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff .. %2e%2e ..%2f..%2f . a/b a%2fb a;b=c __proto__ constructor"),
  ...words("%00 %0d%0aX:1 %ZZ % %ff %F0%9F%A6%8A %D7%A2 {learnerId} :learnerId"),
  ...[NOBODY, NOBODY.toUpperCase(), `${NOBODY}%00`, `%20${NOBODY}`, ""],
  ...[99, 100, 101, 3_000, 20_000].map((length) => "x".repeat(length)),
];

export const BODIES = [
  ...words(`{ [] null 0 "text" \ufeff{} {}{} {'a':1} {"a":1,} a=1&b=2 <a/> {"title":"é","title":"ü"} {"name":"ÿ\u0080"} {"title":"\ud800"}`),
  ...["", "\0", "[".repeat(5_000), nested(40), `{"name":"${"x".repeat(1_100_000)}"}`, `{"items":[${"0,".repeat(20_000)}0]}`],
];

/** As JSON text, because some of what may stand in JSON no value of JavaScript says. */
export const JSON_VALUES = [
  ...words('null true [] {} "" [null] [[]] {"length":3} {"toString":1} {"__proto__":{"minutes":5}} {"$ne":1} "\\u0000" "a\\u0000b" "\\ud800" "a\\udfffb"'),
  ...[`[${"1,".repeat(3_000)}1]`, nested(30), nested(31), nested(40)],
];

export const FIELDS = words('"__proto__":{} "constructor":{"prototype":{}} "version":7 "learnerId":"<learnerId:1>" "":0 "a/b~c":0 "id":"<fresh:2>"');

export const TAGS = [...words('"1" "1" "2" * W/"1" "1-abcdefgh" "" 1 "-1" "999999999" é'), '"1", "2"', `"${"9".repeat(30)}"`];

export const MEDIA_TYPES = [...words("text/csv text/csv application/json */* text/vnd.mermaid garbage ;;;,,="), "text/*;q=0.1, */*;q=0", "a".repeat(3_000)];

export const CONTENT_TYPES = [
  ...words("application/merge-patch+json text/plain json multipart/form-data application/xml"),
  ...["application/json; charset=utf-8", "application/json; charset=utf-16", ""],
];

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

function words(text: string): string[] {
  return text.trim().split(/[ \n]+/);
}

import { createPlaces, type Leave } from "../../src/http/places";

const flush = () => new Promise(setImmediate);

/** Asks for places, and notes in which order they are given. */
function asking() {
  const places = createPlaces();
  const given: string[] = [];
  const leaves = new Map<string, Leave>();
  const ask = (who: string, name: string, most: number, wait = {}) =>
    places.take(name, most, wait).then((leave) => {
      given.push(leave ? who : `not ${who}`);
      if (leave) leaves.set(who, leave);
    });
  return { places, given, ask, leave: (who: string) => leaves.get(who)?.() };
}

test("so many have a place at a time, and the next one comes when one leaves, in their order", async () => {
  const { given, ask, leave, places } = asking();
  for (const who of ["a", "b", "c", "d"]) ask(who, "name", 2);
  await flush();
  expect(given).toEqual(["a", "b"]);
  expect(places.count()).toEqual({ taken: 2, waiting: 2 });
  leave("b");
  await flush();
  expect(given).toEqual(["a", "b", "c"]);
  leave("b");
  await flush();
  expect(given).toEqual(["a", "b", "c"]);
  for (const who of ["a", "c"]) leave(who);
  await flush();
  expect(given).toEqual(["a", "b", "c", "d"]);
  leave("d");
  expect(places.count()).toEqual({ taken: 0, waiting: 0 });
});

test("nobody waits for those of another name", async () => {
  const { given, ask } = asking();
  for (let n = 0; n < 50; n++) ask(`hog ${n}`, "hog", 1);
  ask("other", "other", 1);
  await flush();
  expect(given).toEqual(["hog 0", "other"]);
});

test("nobody comes before those who wait", async () => {
  const { places, ask, leave } = asking();
  ask("a", "name", 1);
  ask("b", "name", 1);
  await flush();
  leave("a");
  expect(places.tryTake("name", 1)).toBeUndefined();
  expect(places.tryTake("name", 2)).toBeDefined();
});

test("who does not fit into the queue, waits too long or hangs up gets none, and is forgotten", async () => {
  const { given, ask, leave, places } = asking();
  const hangUp = new AbortController();
  ask("a", "name", 1);
  const waits = [ask("hung up", "name", 1, { signal: hangUp.signal }), ask("late", "name", 1, { waitMs: 1 }), ask("one too many", "name", 1, { waiting: 2 })];
  hangUp.abort();
  await Promise.all(waits);
  expect([...given].sort()).toEqual(["a", "not hung up", "not late", "not one too many"]);
  await ask("gone", "name", 1, { signal: hangUp.signal });
  expect(given.at(-1)).toBe("not gone");
  expect(places.count()).toEqual({ taken: 1, waiting: 0 });
  leave("a");
  expect(places.count()).toEqual({ taken: 0, waiting: 0 });
});

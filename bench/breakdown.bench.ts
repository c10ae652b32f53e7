import { ADMIN_KEY, type Filled, NAMED } from "./ground";
import { type Asked, http } from "./load";
import { firstOfLevel, organisation, teamId } from "./organisation";
import { type Bench, type Contender, inTurns, ratioOf, repeated } from "./rounds";
import { timed } from "./timing";

const SIZE = { teams: 1_555, learners: 20_000 };
const FROM = "2023-11-26";
const UNTIL = "2026-11-26";
// 43 teams: one, six below it, and thirty-six below those.
const SUBTREE = teamId(firstOfLevel(2));
const LEAF = teamId(firstOfLevel(4));
const EVERYONE = teamId(1);

/** What a breakdown costs by how much it is of and how much was ever logged, beside the same sums straight from the sessions. */
export const bench: Bench = async (ground) => {
  const large = await organisation(ground, "large", { ...SIZE, sessions: 10_000_000 });
  const small = await organisation(ground, "small", { ...SIZE, sessions: 1_000_000 });
  const [service, ofSmall, prisma] = [await ground.service(large, NAMED), await ground.service(small, NAMED), await ground.reference("prisma.ts", large)];
  const years = `from=${FROM}&to=${UNTIL}`;
  const year = "from=2025-11-01&to=2026-11-01&bucket=month";
  const recent = `from=2026-08-27&to=${UNTIL}`;
  const rounds = await inTurns(ground, {
    "43 teams, three years": http(service, 1, () => report(SUBTREE, years)),
    "the same, of a tenth of the sessions": http(ofSmall, 1, () => report(SUBTREE, years)),
    "the same sums, SQL over the sessions": sql(large, SUBTREE),
    "the same sums, Prisma groupBy": http(prisma, 1, () => report(SUBTREE, years)),
    "43 teams, a year by month": http(service, 1, () => report(SUBTREE, year)),
    "the same by month, of a tenth": http(ofSmall, 1, () => report(SUBTREE, year)),
    "43 teams, 91 days": http(service, 1, () => report(SUBTREE, recent)),
    "91 days, of a tenth": http(ofSmall, 1, () => report(SUBTREE, recent)),
    "one team, a year by month": http(service, 1, () => report(LEAF, year)),
    "everyone, a year by month": http(service, 1, () => report(EVERYONE, year)),
  });
  const ratio = (of: keyof typeof rounds, to: keyof typeof rounds) => ratioOf(rounds[of], rounds[to], "p50");
  return {
    rounds,
    ratios: [
      {
        name: "p50 of Prisma groupBy to a subtree's breakdown",
        ratio: ratio("the same sums, Prisma groupBy", "43 teams, three years"),
        goal: { atLeast: 100 },
      },
      {
        name: "p50 of SQL over the sessions to a subtree's breakdown",
        ratio: ratio("the same sums, SQL over the sessions", "43 teams, three years"),
        goal: { atLeast: 60 },
      },
      {
        name: "p50 at 10 million sessions to 1 million, three years",
        ratio: ratio("43 teams, three years", "the same, of a tenth of the sessions"),
        goal: { atMost: 1.2 },
      },
      {
        name: "p50 at 10 million sessions to 1 million, by month",
        ratio: ratio("43 teams, a year by month", "the same by month, of a tenth"),
        goal: { atMost: 1.2 },
      },
      {
        name: "p50 at 10 million sessions to 1 million, 91 days cut from months",
        ratio: ratio("43 teams, 91 days", "91 days, of a tenth"),
        goal: { atMost: 1.2 },
      },
      { name: "p50 of everyone to one team", ratio: ratio("everyone, a year by month", "one team, a year by month"), goal: { atMost: 1.3 } },
    ],
  };
};

function report(team: string, query: string): Asked {
  return { method: "GET", path: `/v1/teams/${team}/breakdown?${query}`, headers: { authorization: `Bearer ${ADMIN_KEY}` } };
}

/** The sums alone, as plain as SQL can say them: no people, no means, no buckets. */
function sql({ pool }: Filled, team: string): Contender {
  const query = `
    SELECT sum(s.minutes), sum(s.on_the_job_minutes), sum(s.social_minutes), sum(s.formal_minutes), count(*), count(DISTINCT s.learner_id)
    FROM team_closure c JOIN memberships m ON m.team_id = c.team_id
    JOIN study_sessions s ON s.learner_id = m.learner_id AND s.occurred_on >= m.from_day AND (m.until_day IS NULL OR s.occurred_on < m.until_day)
    WHERE c.ancestor_id = $1 AND s.occurred_on >= $2 AND s.occurred_on < $3 AND s.deleted_at IS NULL`;
  return repeated(() => timed(() => pool.query(query, [team, FROM, UNTIL])));
}

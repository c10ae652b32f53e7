import { v7 as uuidv7 } from "uuid";
import { KEY_SCOPES } from "../../src/access/scope";
import { hashSecret, newSecret, shownPart } from "../../src/api-keys/secret";
import { toDate } from "../../src/days";
import type { PrismaClient } from "../../src/generated/prisma/client";
import type { CallerName } from "./generated-requests";

/** What a path's parameters may lead to, by the last of them. */
export type Place = Record<string, string>;
/** A text that nobody else may be told. `id` is of what holds it: once its owner changes that, they may have shared it. */
export type Secret = { text: string; toldTo: CallerName[]; id?: string; hidden?: boolean };
export type World = { places: Record<string, Place[]>; secrets: Secret[]; learners: Record<string, CallerName>; keys: Record<KeyName, string> };

export type KeyName = Exclude<CallerName, "nobody" | "stranger" | "owner"> | "expired" | "revoked";

/**
 * A small organisation: a lead with a keeper of secrets and a peer in the team, and elsewhere
 * somebody of whom none of them may know anything. The same each time but for its ids, and
 * beside those planted before: to empty the tables takes longer.
 */
export async function plant(db: PrismaClient): Promise<World> {
  const ids = new Map<string, string>();
  const id = (name: string) => ids.get(name) ?? (ids.set(name, uuidv7()).get(name) as string);
  const secrets: Secret[] = [];
  const tell = (toldTo: CallerName[], rest: Omit<Secret, "text" | "toldTo"> = {}) => {
    const text = `secret-${uuidv7().slice(-12)}`;
    secrets.push({ text, toldTo, ...rest });
    return text;
  };
  const own = (name: string) => tell(["keeper"], { id: id(name) });
  const elsewhere = () => tell(["hidden", "admin", "service", "narrow"], { hidden: true });

  const people = ["keeper", "peer", "lead", "hidden"] as const;
  const [keeper, peer, lead, hidden] = people.map(id) as [string, string, string, string];
  await db.learner.createMany({
    data: people.map((name) => {
      const known = name === "hidden" ? { email: `${elsewhere()}@example.com`, externalId: elsewhere() } : { email: `${name}-${id(name)}@example.com` };
      return { id: id(name), name, timeZone: name === "peer" ? "Asia/Kathmandu" : "UTC", ...known };
    }),
  });

  await db.team.createMany({
    data: [
      { id: id("top"), name: "Top" },
      { id: id("elsewhere"), name: elsewhere() },
      { id: id("empty"), name: "Empty" },
    ],
  });
  await db.team.create({ data: { id: id("team"), name: "Team", parentId: id("top"), leadId: lead, target: [60, 25, 15] } });
  await db.team.create({ data: { id: id("below"), name: "Below", parentId: id("team") } });
  const membership = (learner: string, team: string, fromDay: string, untilDay?: string) => {
    return {
      id: id(`${learner} in ${team}`),
      learnerId: id(learner),
      teamId: id(team),
      fromDay: toDate(fromDay),
      untilDay: untilDay ? toDate(untilDay) : null,
    };
  };
  const memberships = [
    membership("keeper", "top", "2025-01-01", "2026-01-01"),
    membership("keeper", "team", "2026-01-01"),
    membership("peer", "below", "2026-01-01"),
    membership("lead", "top", "2026-01-01"),
    membership("hidden", "elsewhere", "2026-01-01"),
  ];
  await db.membership.createMany({ data: memberships });

  const key = { createdAt: new Date("2026-01-01"), scopes: [] as string[] };
  const secretOf = Object.fromEntries(
    [...people, "service", "narrow", "confined", "admin", "expired", "revoked"].map((name) => [name, newSecret()]),
  ) as World["keys"];
  const keyOf = (name: string, secret: string) => ({ ...key, id: id(`key of ${name}`), name, prefix: shownPart(secret), secretHash: hashSecret(secret) });
  const keys = [
    ...people.map((name) => ({ ...keyOf(name, secretOf[name]), role: "learner" as const, learnerId: id(name) })),
    { ...keyOf("service", secretOf.service), role: "service" as const, scopes: [...KEY_SCOPES] },
    { ...keyOf("narrow", secretOf.narrow), role: "service" as const, scopes: ["sessions:write"] },
    {
      ...keyOf("confined", secretOf.confined),
      role: "service" as const,
      scopes: KEY_SCOPES.filter((scope) => scope !== "directory:write"),
      teamId: id("team"),
    },
    { ...keyOf("admin", secretOf.admin), role: "admin" as const },
    { ...keyOf("expired", secretOf.expired), role: "admin" as const, expiresAt: new Date("2026-02-01") },
    { ...keyOf("revoked", secretOf.revoked), role: "admin" as const, revokedAt: new Date("2026-02-01") },
    { ...keyOf(tell(["keeper", "admin"]), newSecret()), role: "learner" as const, learnerId: keeper },
  ];
  await db.apiKey.createMany({ data: keys });
  const invitation = (name: (typeof people)[number]) => ({
    id: id(`invitation of ${name}`),
    learnerId: id(name),
    secretHash: hashSecret(newSecret()),
    renews: true,
  });
  const invitations = [invitation("keeper"), invitation("hidden")].map((each) => ({ ...each, expiresAt: new Date("2026-12-31") }));
  await db.invitation.createMany({ data: invitations });

  await db.resource.createMany({
    data: [
      { id: id("book"), type: "book", title: "A book", skills: ["sql"], estimatedMinutes: 600 },
      { id: id("mentor"), type: "mentor", title: "A mentor", learnerId: peer, capacityMinutesPerWeek: 60 },
      { id: id("archived"), type: "project", title: "A project", archivedAt: new Date("2026-03-01") },
    ],
  });

  await db.path.createMany({ data: [{ id: id("path") }, { id: id("draft") }] });
  const versions = [1, 2, 3].map((number) => ({ pathId: id("path"), number, title: `Version ${number}`, skills: ["sql"] }));
  await db.pathVersion.createMany({ data: [...versions, { pathId: id("draft"), number: 1, title: "A draft" }] });
  await db.pathStep.createMany({
    data: [...versions, { pathId: id("draft"), number: 1 }].flatMap(({ pathId, number }) => [
      { pathId, number, key: "read", title: `Read ${number}`, position: 1, resourceId: id("book"), estimatedMinutes: 60 },
      { pathId, number, key: "do", title: `Do ${number}`, position: 2, prerequisites: ["read"], mode: "onTheJob" as const },
    ]),
  });
  await db.pathVersion.updateMany({ where: { pathId: id("path"), number: { lt: 3 } }, data: { publishedAt: new Date("2026-03-01") } });

  const goals = (["keeper", "peer", "hidden"] as const).flatMap((name) => [
    {
      id: id(`${name}'s goal`),
      learnerId: id(name),
      title: name === "hidden" ? elsewhere() : "A goal",
      pathId: id("path"),
      pathVersion: 1,
      dueOn: toDate("2026-06-20"),
    },
    { id: id(`${name}'s plan`), learnerId: id(name), title: "A plan", reviewerId: name === "hidden" ? null : lead, startsOn: toDate("2026-05-01") },
    { id: id(`${name}'s past`), learnerId: id(name), title: "A past", status: "completed" as const, completedOn: toDate("2026-05-01") },
  ]);
  await db.goal.createMany({ data: goals });
  const steps = goals.flatMap(({ id: goalId, learnerId, pathId }) =>
    ["read", "do", "tell"].map((key, index) => ({
      ...{ learnerId, goalId, id: id(`${goalId} ${key}`), title: `Step ${key}`, position: index + 1, pathStepKey: pathId && index < 2 ? key : null },
      ...{ startedOn: index ? null : toDate("2026-05-02"), dueOn: index ? null : toDate("2026-06-10"), estimatedMinutes: 60 * (index + 1) },
    })),
  );
  await db.step.createMany({ data: steps });
  await db.stepPrerequisite.createMany({
    data: goals.map(({ id: goalId, learnerId }) => ({ learnerId, goalId, stepId: id(`${goalId} do`), requiresId: id(`${goalId} read`) })),
  });

  const of = (name: string) => ({ learnerId: id(name), goalId: id(`${name}'s goal`) });
  const evidence = [
    {
      ...of("keeper"),
      id: id("private evidence"),
      title: own("private evidence"),
      text: own("private evidence"),
      url: `https://example.com/${own("private evidence")}`,
    },
    { ...of("keeper"), id: id("evidence"), title: "Evidence", text: "Shared", shared: true },
    { ...of("hidden"), id: id("hidden evidence"), title: elsewhere(), text: elsewhere(), shared: true },
    { ...of("peer"), id: id("peer's evidence"), title: "Evidence", text: "Shared", shared: true, stepId: id(`${id("peer's goal")} tell`) },
  ];
  await db.evidence.createMany({ data: evidence });
  const terms = [
    { ...of("keeper"), id: id("private term"), term: own("private term"), meaning: own("private term"), learnedOn: toDate("2026-05-01") },
    { ...of("keeper"), id: id("term"), term: "etcd", meaning: "Where it is kept", shared: true },
    { ...of("peer"), id: id("peer's term"), term: "ETCD", meaning: "The store", shared: true, resourceId: id("book") },
    { ...of("hidden"), id: id("hidden term"), term: elsewhere(), meaning: elsewhere(), shared: true },
  ];
  await db.term.createMany({ data: terms });
  const reviews = [
    { ...of("keeper"), id: id("waiting"), question: "Well?", reviewerId: lead, askedAt: new Date("2026-06-01") },
    { ...of("peer"), id: id("open"), stepId: id(`${id("peer's goal")} read`), askedAt: new Date("2026-06-01") },
    { ...of("hidden"), id: id("hidden review"), question: elsewhere(), askedAt: new Date("2026-06-01") },
    {
      ...of("keeper"),
      goalId: id("keeper's plan"),
      id: id("answered"),
      askedAt: new Date("2026-05-01"),
      answeredAt: new Date("2026-05-02"),
      answeredById: lead,
      verdict: "endorsed" as const,
    },
  ];
  await db.review.createMany({ data: reviews });

  const session = (name: string, day: string, minutes = 60) => ({
    ...{ learnerId: id(name), id: id(`${name} on ${day}`), startedAt: new Date(`${day}T09:00:00Z`), occurredOn: toDate(day), timeZone: "UTC", minutes },
    ...{ onTheJobMinutes: minutes / 2, socialMinutes: minutes / 4, formalMinutes: 0, bodyDigest: Buffer.alloc(32), impact: minutes > 60 ? 4 : null },
  });
  const mentored = { resourceId: id("mentor"), resourceType: "mentor" as const, mentorId: peer };
  const sessions = [
    { ...session("keeper", "2026-06-01"), note: own("keeper on 2026-06-01"), skills: ["sql"] },
    {
      ...session("keeper", "2026-06-02", 120),
      ...mentored,
      note: own("keeper on 2026-06-02"),
      goalId: id("keeper's goal"),
      stepId: id(`${id("keeper's goal")} read`),
    },
    { ...session("keeper", "2026-06-03"), ...mentored, note: "A shared note", noteShared: true, verification: "mentorConfirmed" as const },
    { ...session("keeper", "2026-03-01"), deletedAt: new Date("2026-03-02") },
    { ...session("peer", "2026-06-01", 240), resourceId: id("book"), resourceType: "book" as const, goalId: id("peer's goal") },
    { ...session("lead", "2026-05-01"), verification: "systemRecorded" as const },
    { ...session("hidden", "2026-06-01"), note: elsewhere(), noteShared: true, skills: ["go"] },
  ];
  await db.studySession.createMany({ data: sessions });
  await db.timer.create({
    data: { learnerId: peer, startedAt: new Date("2026-06-17T10:00:00Z"), timeZone: "UTC", startedOn: new Date("2026-06-17"), mode: "social" },
  });

  const owned = (name: string, rows: { learnerId: string; id: string; goalId?: string | null }[], inGoal = true) =>
    rows.map(({ learnerId, id, goalId }): Place => ({ learnerId, ...(inGoal && goalId ? { goalId } : {}), [name]: id }));
  const each = (name: string, ...names: string[]) => names.map((each): Place => ({ [name]: id(each) }));
  return {
    keys: secretOf,
    secrets: [...secrets, ...Object.values(secretOf).map((text) => ({ text, toldTo: [] }))],
    learners: { [keeper]: "keeper", [peer]: "peer", [lead]: "lead", [hidden]: "hidden" },
    places: {
      learnerId: each("learnerId", "keeper", "peer", "keeper", "lead", "hidden"),
      teamId: each("teamId", "team", "top", "team", "below", "empty", "elsewhere"),
      membershipId: owned("membershipId", memberships, false),
      resourceId: each("resourceId", "book", "mentor", "archived"),
      pathId: each("pathId", "path", "draft"),
      number: [...versions.map(({ number }) => ({ pathId: id("path"), number: String(number) })), { pathId: id("draft"), number: "1" }],
      goalId: owned("goalId", goals, false),
      stepId: owned("stepId", steps),
      evidenceId: owned("evidenceId", evidence),
      termId: owned("termId", terms),
      reviewId: owned("reviewId", reviews),
      sessionId: owned("sessionId", sessions, false),
      apiKeyId: keys.map(({ id }) => ({ apiKeyId: id })),
      invitationId: owned("invitationId", invitations, false),
    },
  };
}

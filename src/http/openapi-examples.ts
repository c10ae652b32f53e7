import { toCsv } from "./csv";

type Json = { [key: string]: unknown };
type Media = Json & { schema: Json };
type Operation = { parameters?: Json[]; requestBody?: { content?: Record<string, Media> }; responses: Record<string, { content?: Record<string, Media> }> };

/** The ids of the sample organisation, by the names that fields and parameters have: `learnerId`, `goalId` and so on. */
export type SampleIds = Record<string, string | number>;

// What the `id` of a component is of, by the beginning of the component's name.
const OF_COMPONENT: [beginning: string, name: string][] = [
  ["Learner", "learnerId"],
  ["Member", "learnerId"],
  ["Team", "teamId"],
  ["Resource", "resourceId"],
  ["Path", "pathId"],
  ["Goal", "goalId"],
  ["Step", "stepId"],
  ["Evidence", "evidenceId"],
  ["Review", "reviewId"],
  ["Term", "termId"],
  ["StudySession", "sessionId"],
];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

/**
 * Gives what is sent and answered an example at its media type, and parameters of the path one each:
 * those of the schemas, with ids that the sample organisation has, so that they can be tried as they are.
 */
export function withSamples(operation: Operation, schemas: Record<string, Json>, ids: SampleIds): void {
  for (const parameter of operation.parameters ?? [])
    if (parameter.in === "path" && ids[String(parameter.name)]) parameter.example = ids[String(parameter.name)];
  const answers = Object.entries(operation.responses).filter(([status]) => status < "300");
  for (const { content = {} } of [operation.requestBody ?? {}, ...answers.map(([, answer]) => answer)]) {
    const media = content["application/json"];
    const component = String(media?.schema.$ref ?? "")
      .split("/")
      .at(-1) as string;
    const [example] = (schemas[component]?.examples ?? []) as unknown[];
    giveFilesExamples(content, schemas, ids);
    if (!media || example === undefined) continue;
    const [, ownId = ""] = OF_COMPONENT.find(([beginning]) => component.startsWith(beginning)) ?? [];
    media.example = sampled(example, "", ownId, ids);
  }
}

/** A file of one line: the example of its lines. */
function giveFilesExamples(content: Record<string, Media>, schemas: Record<string, Json>, ids: SampleIds): void {
  const line = Object.values(content).find(({ schema }) => schema.contentSchema)?.schema.contentSchema as { $ref: string } | undefined;
  const component = line?.$ref.split("/").at(-1) as string;
  const [example] = (schemas[component]?.examples ?? []) as Json[];
  if (!example) return;
  const [, ownId = ""] = OF_COMPONENT.find(([beginning]) => component.startsWith(beginning)) ?? [];
  const filled = sampled(example, "", ownId, ids) as Json;
  for (const [type, media] of Object.entries(content)) {
    media.example = type === "text/csv" ? toCsv(Object.keys(filled), [filled]) : `${JSON.stringify(filled)}\n`;
  }
}

function sampled(value: unknown, name: string, ownId: string, ids: SampleIds): unknown {
  if (Array.isArray(value)) return value.map((item) => sampled(item, name, ownId, ids));
  if (typeof value === "string") return UUID.test(value) ? sampledText(value, name === "id" ? ownId : name, ids) : value;
  if (typeof value !== "object" || value === null) return value;
  // A thing within another has its own kind where its name is one's: the `path` of a goal, the `scope` of a report.
  const own = ids[`${name}Id`] ? `${name}Id` : "type" in value && ids[`${value.type}Id`] ? `${value.type}Id` : ownId;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sampled(item, key, own, ids)]));
}

/** An id by its name, or an address by what stands before each of its ids. */
function sampledText(text: string, name: string, ids: SampleIds): string {
  if (!text.includes("/")) return String(ids[name] ?? text);
  const kinds: Record<string, string> = { learners: "learnerId", teams: "teamId", goals: "goalId", "study-sessions": "sessionId" };
  return text.replace(/([a-z-]+)\/([0-9a-f-]{36})/g, (all, noun) => (ids[kinds[noun] ?? ""] ? `${noun}/${ids[kinds[noun] as string]}` : all));
}

import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-typescript";
import { headers, newId, nobody, startedAt, tell, url } from "./session";

async function main(): Promise<void> {
  const api = createClient<paths>({ baseUrl: url, headers });
  const { data: me } = await api.GET("/v1/me");
  const learnerId = me?.learner?.id ?? "";
  tell(`is ${me?.learner?.name}`, Boolean(learnerId));

  const path = { learnerId, sessionId: newId() };
  const logged = await api.PUT("/v1/learners/{learnerId}/study-sessions/{sessionId}", { params: { path }, body: { startedAt, minutes: 25, mode: "social" } });
  tell(`logs a session: ${logged.response.status}`, logged.response.status === 201);

  let [items, pages, cursor] = [0, 0, undefined as string | undefined];
  do {
    const { data } = await api.GET("/v1/learners/{learnerId}/study-sessions", {
      params: { path: { learnerId }, query: { limit: 50, ...(cursor && { cursor }) } },
    });
    items += data?.items.filter(({ minutes }) => minutes > 0).length ?? 0;
    cursor = data?.next ?? undefined;
    pages++;
  } while (cursor);
  tell(`reads ${items} sessions in ${pages} pages`, pages > 1 && items > 50);

  const { data: report } = await api.GET("/v1/learners/{learnerId}/breakdown", { params: { path: { learnerId }, query: { bucket: "month" } } });
  tell(
    `reads a report: ${report?.total.share?.onTheJob} % on the job, ${report?.buckets.length} months`,
    Boolean(report?.total.share && report.buckets.length),
  );

  const { error } = await api.GET("/v1/learners/{learnerId}", { params: { path: { learnerId: nobody } } });
  tell(`meets a problem: ${error?.code}`, error?.code === "not-found");

  const read = await api.GET("/v1/learners/{learnerId}/study-sessions/{sessionId}", { params: { path } });
  const etag = read.response.headers.get("ETag") ?? "";
  const change = (impact: number) =>
    api.PATCH("/v1/learners/{learnerId}/study-sessions/{sessionId}", { params: { path, header: { "if-match": etag } }, body: { impact } });
  const [first, second] = [await change(4), await change(5)];
  tell(
    `changes it with ETag ${etag}, and not twice: ${first.response.status}, ${second.error?.code}`,
    first.response.ok && second.error?.code === "version-mismatch",
  );
}

main();

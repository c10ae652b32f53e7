import { client } from "./generated/hey-api/client.gen";
import { getLearner, getLearnerBreakdown, getMe, getStudySession, listStudySessions, putStudySession, updateStudySession } from "./generated/hey-api/sdk.gen";
import { headers, newId, nobody, startedAt, tell, url } from "./session";

async function main(): Promise<void> {
  client.setConfig({ baseUrl: url, headers });
  const { data: me } = await getMe();
  const learnerId = me?.learner?.id ?? "";
  tell(`is ${me?.learner?.name}`, Boolean(learnerId));

  const path = { learnerId, sessionId: newId() };
  const logged = await putStudySession({ path, body: { startedAt, minutes: 25, mode: "social" } });
  tell(`logs a session: ${logged.response?.status}`, logged.response?.status === 201);

  let [items, pages, cursor] = [0, 0, undefined as string | undefined];
  do {
    const { data } = await listStudySessions({ path: { learnerId }, query: { limit: 50, ...(cursor && { cursor }) } });
    items += data?.items.filter(({ minutes }) => minutes > 0).length ?? 0;
    cursor = data?.next ?? undefined;
    pages++;
  } while (cursor);
  tell(`reads ${items} sessions in ${pages} pages`, pages > 1 && items > 50);

  const { data: report } = await getLearnerBreakdown({ path: { learnerId }, query: { bucket: "month" } });
  tell(
    `reads a report: ${report?.total.share?.onTheJob} % on the job, ${report?.buckets.length} months`,
    Boolean(report?.total.share && report.buckets.length),
  );

  const { error } = await getLearner({ path: { learnerId: nobody } });
  tell(`meets a problem: ${error?.code}`, error?.code === "not-found");

  const read = await getStudySession({ path });
  const etag = read.response?.headers.get("ETag") ?? "";
  const change = (impact: number) => updateStudySession({ path, headers: { "if-match": etag }, body: { impact } });
  const [first, second] = [await change(4), await change(5)];
  tell(
    `changes it with ETag ${etag}, and not twice: ${first.response?.status}, ${second.error?.code}`,
    first.response?.status === 200 && second.error?.code === "version-mismatch",
  );
}

main();

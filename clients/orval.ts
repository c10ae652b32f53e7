import { getLearner, getLearnerBreakdown, getMe, getStudySession, listStudySessions, putStudySession, updateStudySession } from "./generated/orval";
import { headers, newId, nobody, startedAt, tell } from "./session";

async function main(): Promise<void> {
  const me = await getMe({ headers });
  const learner = me.status === 200 ? me.data.learner : null;
  const learnerId = learner?.id ?? "";
  tell(`is ${learner?.name}`, Boolean(learnerId));

  const sessionId = newId();
  const logged = await putStudySession(learnerId, sessionId, { startedAt, minutes: 25, mode: "social" }, { headers });
  tell(`logs a session: ${logged.status}`, logged.status === 201);

  let [items, pages, cursor] = [0, 0, undefined as string | undefined];
  do {
    const page = await listStudySessions(learnerId, { limit: 50, ...(cursor && { cursor }) }, { headers });
    if (page.status !== 200) break;
    items += page.data.items.filter(({ minutes }) => minutes > 0).length;
    cursor = page.data.next ?? undefined;
    pages++;
  } while (cursor);
  tell(`reads ${items} sessions in ${pages} pages`, pages > 1 && items > 50);

  const report = await getLearnerBreakdown(learnerId, { bucket: "month" }, { headers });
  const { total, buckets } = report.status === 200 ? report.data : { total: null, buckets: [] };
  tell(`reads a report: ${total?.share?.onTheJob} % on the job, ${buckets.length} months`, Boolean(total?.share && buckets.length));

  const missing = await getLearner(nobody, { headers });
  tell(`meets a problem: ${missing.status === 404 && missing.data.code}`, missing.status === 404 && missing.data.code === "not-found");

  const read = await getStudySession(learnerId, sessionId, { headers });
  const etag = read.headers.get("ETag") ?? "";
  const change = (impact: number) => updateStudySession(learnerId, sessionId, { impact }, { headers: { ...headers, "If-Match": etag } });
  const [first, second] = [await change(4), await change(5)];
  tell(`changes it with ETag ${etag}, and not twice: ${first.status}, ${second.status}`, first.status === 200 && second.status === 412);
}

main();

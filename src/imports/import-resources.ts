import type { z } from "zod";
import { type Act, record } from "../audit/audit.service";
import { type Db, inTransaction } from "../database/transaction";
import { AppError, learnerErased, learnerMerged } from "../errors";
import { ResourceCreate } from "../resources/resources.schema";
import type { Door, Outcome } from "./import";
import { answerKnown } from "./known";

const ResourceLine = ResourceCreate.required({ id: true }).meta({
  id: "ResourceLine",
  examples: [{ id: "0193d5a0-6c00-7a31-9d4e-dddddddddddd", type: "book", title: "Kubernetes from first principles", skills: ["kubernetes"] }],
});
type ResourceLine = z.output<typeof ResourceLine>;

export function resourceDoor(db: Db, act: Act): Door<typeof ResourceLine> {
  return { item: ResourceLine, store: (items) => inTransaction(db, (tx) => storeResources(tx, items, act)) };
}

async function storeResources(tx: Db, items: ResourceLine[], act: Act): Promise<Outcome[]> {
  const named = await tx.learner.findMany({
    where: { id: { in: items.flatMap(({ learnerId }) => learnerId ?? []) } },
    select: { id: true, erasedAt: true, mergedIntoId: true },
  });
  const mentors = new Map(named.map((learner) => [learner.id, learner]));
  const refusalOf = ({ learnerId }: ResourceLine): AppError | null => {
    if (!learnerId) return null;
    const { erasedAt = null, mergedIntoId = null } = mentors.get(learnerId) ?? {};
    if (!mentors.has(learnerId)) return nobody();
    if (mergedIntoId) return learnerMerged(mergedIntoId, "#/learnerId");
    return erasedAt ? learnerErased() : null;
  };
  const first = new Map(
    items
      .filter((item) => !refusalOf(item))
      .map((item) => [item.id, item])
      .reverse() as [string, ResourceLine][],
  );
  // By id, so that two imports of the same wait for each other, and never both.
  const data = [...first.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const made = new Map((await tx.resource.createManyAndReturn({ data, skipDuplicates: true })).map((row) => [row.id, row]));
  const stored = new Map((await tx.resource.findMany({ where: { id: { in: [...first.keys()] } } })).map((row) => [row.id, row]));
  if (made.size) {
    const about = [...made.values()].flatMap(({ learnerId }) => learnerId ?? []);
    await record(tx, act, "change", [...new Set(about)], [...made.keys()]);
  }
  return items.map((item) => {
    const refusal = refusalOf(item);
    if (refusal) return { error: refusal };
    if (first.get(item.id) === item && made.has(item.id)) return { created: true };
    return answerKnown(stored.get(item.id) ?? {}, item);
  });
}

function nobody(): AppError {
  const detail = "The learner behind this resource does not exist. Create the learner first.";
  return new AppError("reference-missing", detail, [{ pointer: "#/learnerId", detail }]);
}

import { v7 as uuidv7 } from "uuid";
import { personOf, type Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import { toDate } from "../days";
import { Prisma } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { AuditEvent, AuditEventList } from "./audit.schema";

/** Who did what by which request. */
export type Act = Pick<AuditEvent, "requestId" | "role" | "keyId" | "personId" | "operation" | "target" | "fields">;

/** A request as an audit event knows it; its address is made from the route's, so that it holds ids and nothing else. */
export type Asked = {
  id: string;
  scope: Scope;
  method: string;
  params: unknown;
  body: unknown;
  routeOptions: { url?: string | undefined; schema?: { operationId?: string | undefined } | undefined };
};

export function actOf({ id, scope: { caller }, method, params, body, routeOptions: { url = "", schema } }: Asked): Act {
  return {
    requestId: id,
    role: caller.role,
    keyId: caller.signedInBy === "api-key" ? caller.id : null,
    personId: personOf(caller),
    operation: schema?.operationId ?? url,
    target: url.replace(/:(\w+)/g, (_, name) => String((params as Record<string, unknown>)[name])),
    fields: method === "PATCH" ? Object.keys(body as object) : [],
  };
}

/** Something done by whoever runs the service. */
export function operatorsAct(operation: string): Act {
  return { requestId: uuidv7(), role: null, keyId: null, personId: null, operation, target: "", fields: [] };
}

/** Adds an event, in the transaction of what it tells of. */
export async function record(db: Db, act: Act, action: AuditEvent["action"], learnerIds: string[], itemIds: string[] = []): Promise<void> {
  await db.$executeRaw(recording(act, action, Prisma.sql`${learnerIds}::uuid[]`, Prisma.sql`${itemIds}::uuid[]`));
}

/** `INSERT …` of an event, up to where a `FROM` may follow that the two lists of ids are made of. */
export function recording(act: Act, action: AuditEvent["action"], learnerIds: Prisma.Sql, itemIds: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    INSERT INTO audit_events (id, request_id, action, role, key_id, person_id, operation, target, fields, learner_ids, item_ids)
    SELECT ${uuidv7()}::uuid, ${act.requestId}::uuid, ${action}::audit_action, ${act.role}::api_key_role, ${act.keyId}::uuid, ${act.personId}::uuid,
           ${act.operation}, ${act.target}, ${act.fields}::text[], ${learnerIds}, ${itemIds}`;
}

/** The latest first. */
export function listAuditEvents(db: Db, { learner, person, key, action, operation, request, from, to, ...page }: AuditEventList): Promise<Page<AuditEvent>> {
  const filter: Prisma.AuditEventWhereInput = {
    ...(learner && { learnerIds: { has: learner } }),
    ...(person && { personId: person }),
    ...(key && { keyId: key }),
    ...(request && { requestId: request }),
    ...((from || to) && { at: { ...(from && { gte: toDate(from) }), ...(to && { lt: toDate(to) }) } }),
    action,
    operation,
  };
  return readPage(["audit-events", filter], page, { instant: (event) => event.at }, (take, after) =>
    db.auditEvent.findMany({ where: { AND: [filter, beyond("at", "desc", after)] }, orderBy: [{ at: "desc" }, { id: "desc" }], take }),
  );
}

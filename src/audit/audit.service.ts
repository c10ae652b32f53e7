import { v7 as uuidv7 } from "uuid";
import { personOf, type Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import { toDate } from "../days";
import { Prisma } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { AuditEvent, AuditEventList } from "./audit.schema";

/** Who did what by which request. */
export type Act = Pick<AuditEvent, "requestId" | "role" | "keyId" | "personId" | "operation" | "target" | "fields"> & {
  /** Why an admin changes what lies in closed months. */
  reason?: string | undefined;
};

/** A request as an audit event knows it; its address is made from the route's, so that it holds ids and nothing else. */
export type Asked = {
  id: string;
  scope: Scope;
  method: string;
  params: unknown;
  body: unknown;
  routeOptions: { url?: string | undefined; schema?: { operationId?: string | undefined } | undefined };
};

export function actOf(request: Asked): Act {
  const { caller, reason } = request.scope;
  return { ...nobodysAct(request), reason, role: caller.role, keyId: caller.signedInBy === "api-key" ? caller.id : null, personId: personOf(caller) };
}

/** A request of somebody who is not signed in. */
export function nobodysAct({ id, method, params, body, routeOptions: { url = "", schema } }: Omit<Asked, "scope">): Act {
  return {
    requestId: id,
    role: null,
    keyId: null,
    personId: null,
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
export async function record(
  db: Db,
  act: Act,
  action: AuditEvent["action"],
  learnerIds: string[],
  itemIds: string[] = [],
  { unnamed = 0, times = 1 }: Partial<Pick<AuditEvent, "unnamed" | "times">> = {},
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO audit_events (id, request_id, action, role, key_id, person_id, operation, target, fields, learner_ids, item_ids, unnamed, times)
    VALUES (${uuidv7()}::uuid, ${act.requestId}::uuid, ${action}::audit_action, ${act.role}::api_key_role, ${act.keyId}::uuid, ${act.personId}::uuid,
            ${act.operation}, ${act.target}, ${act.fields}::text[], ${learnerIds}::uuid[], ${itemIds}::uuid[], ${unnamed}, ${times})`;
  if (action === "change") await recordReason(db, act);
}

/** Keeps the reason that a request gave for its changes, in their transaction. It stands beside the events, because an erasure may have to change it. */
export async function recordReason(db: Db, { requestId, reason }: Act): Promise<void> {
  if (reason) await db.$executeRaw`INSERT INTO change_reasons (request_id, reason) VALUES (${requestId}::uuid, ${reason}) ON CONFLICT DO NOTHING`;
}

/**
 * `INSERT …` of an event for each act of which there are items.
 *
 * @param items `SELECT act, learner_id, id`: which act, by its place in `acts` from 0, made what
 */
export function recordingEach(acts: Act[], action: AuditEvent["action"], items: Prisma.Sql): Prisma.Sql {
  const events = acts.map((act, number) => ({ ...act, act: number, id: uuidv7() }));
  return Prisma.sql`
    INSERT INTO audit_events (id, request_id, action, role, key_id, person_id, operation, target, fields, learner_ids, item_ids)
    SELECT event.id, "requestId", ${action}::audit_action, role, "keyId", "personId", operation, target, fields, made.learner_ids, made.ids
    FROM (SELECT act, array_agg(DISTINCT learner_id) AS learner_ids, array_agg(id) AS ids FROM (${items}) item GROUP BY act) made
    JOIN jsonb_to_recordset(${JSON.stringify(events)}::jsonb) AS event (
      act int, id uuid, "requestId" uuid, role api_key_role, "keyId" uuid, "personId" uuid, operation text, target text, fields text[]) USING (act)`;
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
  return readPage(["audit-events", filter], page, { instant: (event) => event.at }, async (take, after) => {
    const events = await db.auditEvent.findMany({ where: { AND: [filter, beyond("at", "desc", after)] }, orderBy: [{ at: "desc" }, { id: "desc" }], take });
    const given = await db.changeReason.findMany({ where: { requestId: { in: [...new Set(events.map(({ requestId }) => requestId))] } } });
    const reasons = new Map(given.map(({ requestId, reason }) => [requestId, reason]));
    return events.map((event) => ({ ...event, reason: (event.action === "change" && reasons.get(event.requestId)) || null }));
  });
}

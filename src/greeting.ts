import type { LoadedDemo } from "./demo/load-demo";

/** What the first start prints: where it runs, the keys, and commands to paste. */
export function greeting({ address, adminKey, demo }: { address: string; adminKey: string | null; demo: LoadedDemo | null }): string {
  const lines = [``, `Cairn: ${address}, its documentation: ${address}/docs`];
  if (demo) lines.push(``, ...loaded(demo));
  lines.push(``, `Keys, shown this once:`);
  if (adminKey) lines.push(`  admin    ${adminKey}`);
  if (demo) {
    lines.push(
      `  lead     ${demo.lead.key}   (${demo.lead.name}, leads ${demo.team.name})`,
      `  analyst  ${demo.analyst.key}   (${demo.analyst.name})`,
      ``,
      `Log a session:`,
      ``,
      `curl -sS ${address}/v1/learners/${demo.analyst.id}/study-sessions \\`,
      `  -H 'Authorization: Bearer ${demo.analyst.key}' -H 'Content-Type: application/json' \\`,
      `  -d '{"startedAt":"${new Date().toISOString()}","minutes":45,"mode":"on-the-job","impact":5,"note":"First rollback, on purpose"}'`,
      ``,
      `The analyst's breakdown:`,
      ``,
      `curl -sS '${address}/v1/learners/${demo.analyst.id}/breakdown?bucket=month&compare=previous' \\`,
      `  -H 'Authorization: Bearer ${demo.analyst.key}'`,
      ``,
      `The lead's team:`,
      ``,
      `curl -sS '${address}/v1/teams/${demo.team.id}/breakdown?groupBy=team&compare=previous' \\`,
      `  -H 'Authorization: Bearer ${demo.lead.key}'`,
      ``,
      `How the goals of its people are doing, who needs attention first:`,
      ``,
      `curl -sS '${address}/v1/teams/${demo.team.id}/growth' \\`,
      `  -H 'Authorization: Bearer ${demo.lead.key}'`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** What every later start prints. @param hasAdminKey whether ADMIN_API_KEY says which key is the admin's */
export function whereabouts(address: string, hasAdminKey: boolean): string {
  const where = [``, `Cairn runs at ${address}. Its documentation: ${address}/docs`];
  if (hasAdminKey) return [...where, ``].join("\n");
  return [
    ...where,
    `Keys were shown at the first start and are not shown again. Is the admin's lost? Start once with a new one, hard to guess:`,
    `  ADMIN_API_KEY=$(openssl rand -hex 32); echo "$ADMIN_API_KEY"; ADMIN_API_KEY="$ADMIN_API_KEY" npm start`,
    `Then revoke the lost one with DELETE /v1/api-keys/{id}; GET /v1/api-keys lists it as "First admin".`,
    ``,
  ].join("\n");
}

function loaded({ learners, sessions, courses, withoutEstimate, coursePath: { resolutions } }: LoadedDemo): string[] {
  const named = resolutions.filter(({ names }) => names.length).length;
  return [
    `The sample organisation: ${learners} people, ${sessions} study sessions, ${courses} courses, ${withoutEstimate.length} of them without an estimate:`,
    ...withoutEstimate.map(({ title, reason }) => `  ${title}: ${reason}`),
    `The courses are a path, too: of their ${resolutions.length} prerequisites, ${named} name other courses and are steps before; ${resolutions.length - named} stay words.`,
  ];
}

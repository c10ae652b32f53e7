import type { DemoKeys } from "./demo/load-demo";

/** What the first start prints: where it runs, the keys, and commands to paste. */
export function greeting({ address, adminKey, demo }: { address: string; adminKey: string | null; demo: DemoKeys | null }): string {
  const lines = [``, `Cairn runs at ${address}, its documentation at ${address}/docs`];
  if (adminKey) lines.push(``, `Keys, shown this once:`, `  admin    ${adminKey}`);
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
    );
  }
  return `${lines.join("\n")}\n`;
}

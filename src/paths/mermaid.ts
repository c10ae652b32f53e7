import type { PathStep, PathVersion } from "./paths.schema";

type Step = Pick<PathStep, "key" | "section" | "title" | "required" | "estimatedMinutes" | "prerequisites">;

/**
 * The order of the steps as a Mermaid flowchart: a section is a box, an optional step has
 * round ends, arrows lead from what is needed to what needs it, and the critical path is thick.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
export function toMermaid({ steps, criticalPath }: { steps: Step[]; criticalPath: PathVersion["criticalPath"] }): string {
  // Keys may be words that the syntax keeps for itself, so nodes are numbered.
  const node = new Map(steps.map(({ key }, index) => [key, `s${index + 1}`]));
  const follows = (key: string, before: string) => criticalPath.steps[criticalPath.steps.indexOf(before) + 1] === key && criticalPath.steps.includes(before);
  const sections = [...new Set(steps.map(({ section }) => section))];
  const lines = sections.flatMap((section, index) => {
    const boxes = steps.filter((step) => step.section === section).map((step) => `${node.get(step.key)}${box(step)}`);
    return section === null ? boxes : [`subgraph g${index + 1}["${label(section)}"]`, ...boxes.map((line) => `  ${line}`), "end"];
  });
  const arrows = steps.flatMap(({ key, prerequisites }) =>
    prerequisites.map((before) => `${node.get(before)} ${follows(key, before) ? "==>" : "-->"} ${node.get(key)}`),
  );
  return ["flowchart LR", ...[...lines, ...arrows].map((line) => `  ${line}`), ""].join("\n");
}

function box({ title, required, estimatedMinutes }: Step): string {
  const text = estimatedMinutes ? `${label(title)}<br/>${hours(estimatedMinutes)}` : label(title);
  return required ? `["${text}"]` : `(["${text}"])`;
}

function hours(minutes: number): string {
  return minutes < 60 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`;
}

/**
 * Whatever could end a label, or be taken for HTML or Markdown, as the syntax's own character
 * codes. Some versions of Mermaid draw nothing but a complaint for a list ("1. Read") or an address.
 */
function label(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[^\p{L}\p{N} ,!?'(/]/gu, (character) => `#${character.codePointAt(0)};`);
}

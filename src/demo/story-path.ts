import type { PathCreate } from "../paths/paths.schema";
import { demoId } from "./ids";
import { STORY } from "./story";

/** The analyst's project as a path that others can adopt: what he read, whom he asked, and what he did. */
export const STORY_PATH: PathCreate & { id: string } = {
  id: demoId("path", "notebook to production"),
  title: "From notebook to production",
  purpose: "Whoever builds an analysis can run it as a service, and be called when it breaks",
  skills: ["docker", "kubernetes"],
  steps: [
    { key: "jargon", section: "Words", title: "Keep every word you do not know, and what it means", mode: "onTheJob", estimatedMinutes: 240 },
    { key: "textbook", section: "Words", title: "Read the textbook up to the control plane", resourceId: STORY.textbook.id, estimatedMinutes: 600 },
    {
      key: "container",
      section: "Containers",
      title: "Put the service into a container",
      resourceId: STORY.project.id,
      estimatedMinutes: 2_400,
      weight: 2,
    },
    {
      key: "questions",
      section: "Containers",
      title: "Ask an engineer whatever the textbook left open",
      resourceId: STORY.engineers[1].id,
      estimatedMinutes: 300,
      prerequisites: ["textbook"],
    },
    {
      key: "first-deploy",
      section: "Clusters",
      title: "Deploy to the test cluster with an engineer beside you",
      resourceId: STORY.project.id,
      estimatedMinutes: 3_600,
      weight: 3,
      prerequisites: ["container", "questions"],
    },
    {
      key: "roll-back",
      section: "Clusters",
      title: "Roll back on purpose",
      resourceId: STORY.project.id,
      estimatedMinutes: 600,
      prerequisites: ["first-deploy"],
    },
    {
      key: "reliability",
      section: "Production",
      title: "Take the reliability course",
      resourceId: STORY.course.id,
      estimatedMinutes: 240,
      required: false,
    },
    {
      key: "production",
      section: "Production",
      title: "Deploy to production alone, with a runbook",
      resourceId: STORY.project.id,
      estimatedMinutes: 4_800,
      weight: 4,
      prerequisites: ["roll-back"],
      otherPrerequisites: ["Access to the production cluster"],
    },
  ],
};

/** The day of the project on which each step was done. */
export const DONE_ON_DAY: Record<string, number> = {
  textbook: 60,
  container: 50,
  questions: 75,
  "first-deploy": 110,
  "roll-back": 130,
  reliability: 135,
  jargon: 150,
  production: 193,
};

type StoryTerm = { term: string; meaning: string; onDay: number; from: keyof typeof STORY | null };

/** The jargon, in the analyst's words, and the day of the project on which he knew it. */
export const STORY_TERMS: StoryTerm[] = [
  { term: "manifest", meaning: "Says what should be true; the cluster works until it is", onDay: 24, from: "textbook" },
  { term: "cluster", meaning: "Many machines that behave as if they were one to run things on", onDay: 20, from: "textbook" },
  { term: "control plane", meaning: "The programs that compare what is with what should be, and act", onDay: 38, from: "textbook" },
  { term: "etcd", meaning: "Where the cluster remembers; lose it and it forgets what it wanted", onDay: 58, from: "textbook" },
  { term: "kubelet", meaning: "The agent on each machine that starts what was scheduled there", onDay: 72, from: null },
];

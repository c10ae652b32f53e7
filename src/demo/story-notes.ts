type Note = { note: string; noteShared: boolean };

/** What the analyst wrote, by the week of the project, from 0. */
export const NOTES: Record<number, Note> = {
  0: { note: "Containers I get. Everything around them is jargon: manifests, clusters, a control plane?", noteShared: true },
  1: { note: "Wrote my first Dockerfile. It works on my machine, which is apparently the joke.", noteShared: false },
  3: { note: "A manifest only says what I want to be true; the cluster works until it is. Took me two weeks to hear that sentence.", noteShared: true },
  5: { note: "The control plane is just programs, too: an API server, a scheduler, some loops that compare.", noteShared: true },
  6: { note: "Lost a day to a label that did not match its selector.", noteShared: false },
  8: { note: "etcd is where the cluster remembers. Lose it and the cluster forgets what it wanted.", noteShared: true },
  10: { note: "Did not dare to ask what a kubelet is until today. It is the agent on each node that starts what was scheduled there.", noteShared: false },
  12: { note: "The course explains error budgets well, but I learned what a probe is for when mine killed the service every minute.", noteShared: true },
  15: { note: "First deployment to the test cluster that nobody had to help with.", noteShared: true },
  18: { note: "Rolled back on purpose, to have done it before I need it.", noteShared: true },
  21: {
    note: "Wrote down every word I did not know in spring: manifest, cluster, control plane, etcd, kubelet, ingress. I can explain them all.",
    noteShared: true,
  },
  24: { note: "Memory limits: too low and it dies, none and its neighbours do.", noteShared: false },
  27: { note: "In production. Watched the graphs for an hour as if they were a film.", noteShared: true },
  29: { note: "Handed the runbook to Platform. Next I want people to be able to use it without me.", noteShared: true },
};

// Who may do what, said by hand. Each line is an operation; each character, what one kind of caller is answered who asks
// for it about the same learner, the learner's team, or what is theirs:
//
//   +  it is done       -  403, refused       0  404, does not exist       ?  401, who is calling is not known
//
// The callers, from left to right:
//
//   not known       n no key            u unknown key       x revoked key        e expired key      f forged token    o outdated token
//   people          T the learner       P peer in the team  L the team's lead    I lead above that  O lead elsewhere
//                   F led it until now  G left the team     M mentor elsewhere, of one of the sessions
//   admins          A by key            B as a person
//   services        s sessions:write    l learning:read     w learning:write     r reports:read     d directory:write
//   confined to     C a team above, and all its scopes      E a team elsewhere, likewise
//   after T left    L the lead          I the lead above    C the service, when T is in no team any more
const TABLE = `
                                              nuxefo  TPLIOFGM  AB  slwrd  CE  LIC
  Service
    getStart                                  ++++++  ++++++++  ++  +++++  ++  +++
    getLiveness                               ++++++  ++++++++  ++  +++++  ++  +++
    getReadiness                              ++++++  ++++++++  ++  +++++  ++  +++

  Caller
    getMe                                     ??????  ++++++++  ++  +++++  ++  +++

  Learners
    createLearner                             ??????  --------  ++  ----+  --  ---
    listLearners                              ??????  ++++++++  ++  -+-++  ++  +++
    getLearner                                ??????  +0++0000  ++  -+-++  +0  000
    updateLearner                             ??????  +0--0000  ++  ----+  -0  000
    updateLearner (what the directory says)   ??????  -0--0000  ++  ----+  -0  000
    exportPersonalData                        ??????  +0--0000  --  -----  -0  000
    erasePersonalData                         ??????  -0--0000  ++  -----  -0  000
    previewMerger                             ??????  -0--0000  ++  -----  -0  000
    mergeLearner                              ??????  -0--0000  ++  -----  -0  000
    getMembership                             ??????  +0++0000  ++  -+-++  +0  000
    moveLearner                               ??????  -0--0000  ++  ----+  -0  000
    deleteMembership                          ??????  -0--0000  ++  ----+  -0  000
    getSubject                                ??????  -0--0000  ++  -----  -0  000
    setSubject                                ??????  -0--0000  ++  -----  -0  000
    removeSubject                             ??????  -0--0000  ++  -----  -0  000
    liftErasedSubject                         ??????  -0--0000  ++  -----  -0  000

  Teams
    createTeam                                ??????  --------  ++  ----+  --  ---
    listTeams                                 ??????  ++++++++  ++  +++++  ++  +++
    getTeam                                   ??????  ++++0000  ++  +++++  +0  +++
    getTeam (below)                           ??????  00++0000  ++  +++++  +0  +++
    updateTeam                                ??????  ----0000  ++  ----+  -0  ---
    deleteTeam (below)                        ??????  00--0000  ++  ----+  -0  ---
    getTeamParent                             ??????  ++++0000  ++  +++++  +0  +++
    moveTeam                                  ??????  ----0000  ++  ----+  -0  ---
    listTeamMembers                           ??????  00++0000  ++  ---+-  +0  +++
    listGlossary                              ??????  ++++0000  ++  -+---  +0  +++

  Resources
    createResource                            ??????  --------  ++  ----+  --  ---
    listResources                             ??????  ++++++++  ++  +++++  ++  +++
    getResource                               ??????  ++++++++  ++  +++++  ++  +++
    updateResource                            ??????  --------  ++  ----+  --  ---
    archiveResource                           ??????  --------  ++  ----+  --  ---
    restoreResource                           ??????  --------  ++  ----+  --  ---

  Paths
    createPath                                ??????  --------  ++  ----+  --  ---
    listPaths                                 ??????  ++++++++  ++  +++++  ++  +++
    getPath                                   ??????  ++++++++  ++  +++++  ++  +++
    getPath (never published)                 ??????  00000000  ++  0000+  00  000
    archivePath                               ??????  --------  ++  ----+  --  ---
    restorePath                               ??????  --------  ++  ----+  --  ---
    draftPathVersion                          ??????  --------  ++  ----+  --  ---
    getPathVersion                            ??????  ++++++++  ++  +++++  ++  +++
    getPathVersion (draft)                    ??????  00000000  ++  0000+  00  000
    updatePathVersion (draft)                 ??????  --------  ++  ----+  --  ---
    deletePathVersion (draft)                 ??????  --------  ++  ----+  --  ---
    publishPathVersion (draft)                ??????  --------  ++  ----+  --  ---

  Goals
    createGoal                                ??????  +0--0000  ++  --+--  +0  000
    listGoals                                 ??????  +0++0000  ++  -+---  +0  000
    getGoal                                   ??????  +0++0000  ++  -+---  +0  000
    updateGoal                                ??????  +0--0000  ++  --+--  +0  000
    deleteGoal (empty)                        ??????  +0--0000  ++  --+--  +0  000
    adoptPath (empty)                         ??????  +0--0000  ++  --+--  +0  000
    previewPathChange                         ??????  +0++0000  ++  -+---  +0  000

  Steps
    createStep                                ??????  +0--0000  ++  --+--  +0  000
    listSteps                                 ??????  +0++0000  ++  -+---  +0  000
    getStep                                   ??????  +0++0000  ++  -+---  +0  000
    updateStep                                ??????  +0--0000  ++  --+--  +0  000
    deleteStep                                ??????  +0--0000  ++  --+--  +0  000
    startStep                                 ??????  +0--0000  ++  --+--  +0  000
    unstartStep                               ??????  +0--0000  ++  --+--  +0  000
    completeStep                              ??????  +0--0000  ++  --+--  +0  000
    uncompleteStep                            ??????  +0--0000  ++  --+--  +0  000
    skipStep                                  ??????  +0--0000  ++  --+--  +0  000
    unskipStep                                ??????  +0--0000  ++  --+--  +0  000

  Evidence
    addEvidence                               ??????  +0--0000  ++  --+--  +0  000
    listEvidence                              ??????  +0++0000  ++  -+---  +0  000
    getEvidence                               ??????  +0++0000  ++  -+---  +0  000
    getEvidence (private)                     ??????  +0000000  00  -0---  00  000
    updateEvidence                            ??????  +0--0000  ++  --+--  +0  000
    updateEvidence (private)                  ??????  +0--0000  00  --0--  00  000
    deleteEvidence                            ??????  +0--0000  ++  --+--  +0  000
    deleteEvidence (private)                  ??????  +0--0000  00  --0--  00  000

  Reviews
    askForReview (empty)                      ??????  +0--0000  ++  --+--  +0  000
    listReviews                               ??????  +0++0000  ++  -+---  +0  000
    getReview                                 ??????  +0++0000  ++  -+---  +0  000
    answerReview                              ??????  -0++0000  --  -----  -0  000
    answerReview (asked of the lead by name)  ??????  -0+-0000  --  -----  -0  000
    withdrawReview                            ??????  +0--0000  ++  --+--  +0  000

  Terms
    addTerm                                   ??????  +0--0000  ++  --+--  +0  000
    listTerms                                 ??????  +0++0000  ++  -+---  +0  000
    getTerm                                   ??????  +0++0000  ++  -+---  +0  000
    getTerm (private)                         ??????  +0000000  00  -0---  00  000
    updateTerm                                ??????  +0--0000  ++  --+--  +0  000
    updateTerm (private)                      ??????  +0--0000  00  --0--  00  000
    deleteTerm                                ??????  +0--0000  ++  --+--  +0  000
    deleteTerm (private)                      ??????  +0--0000  00  --0--  00  000

  Study sessions
    logStudySession                           ??????  +0--0000  ++  +----  +0  000
    putStudySession                           ??????  +0--0000  ++  +----  +0  000
    logStudySessions                          ??????  +0000000  ++  +----  +0  000
    listStudySessions                         ??????  +0++0000  ++  -+---  +0  000
    listStudySessions (changes)               ??????  +0++0000  ++  -+---  +0  000
    getStudySession                           ??????  +0++0000  ++  -+---  +0  000
    updateStudySession                        ??????  +0--0000  ++  +----  +0  000
    deleteStudySession                        ??????  +0--0000  ++  +----  +0  000
    confirmStudySession                       ??????  -0--000+  --  -----  -0  000
    withdrawStudySessionConfirmation          ??????  -0--000+  --  -----  -0  000
    listMentoredSessions                      ??????  +0--0000  ++  -+---  +0  000

  Timers
    startTimer                                ??????  +0--0000  ++  +----  +0  000
    getTimer                                  ??????  +0++0000  ++  -+---  +0  000
    updateTimer                               ??????  +0--0000  ++  +----  +0  000
    discardTimer                              ??????  +0--0000  ++  +----  +0  000
    stopTimer                                 ??????  +0--0000  ++  +----  +0  000

  Periods
    listClosedPeriods                         ??????  ++++++++  ++  +++++  ++  +++
    getPeriodClosure                          ??????  ++++++++  ++  +++++  ++  +++
    closePeriod                               ??????  --------  ++  -----  --  ---
    reopenPeriod                              ??????  --------  ++  -----  --  ---

  Reports
    getLearnerBreakdown                       ??????  +0++0000  ++  ---+-  +0  000
    getLearnerGrowth                          ??????  +0++0000  ++  ---+-  +0  000
    getTeamBreakdown                          ??????  00++0000  ++  ---+-  +0  +++
    getTeamGrowth                             ??????  00++0000  ++  ---+-  +0  +++
    listTeamStudySessions                     ??????  00++0000  ++  ---+-  +0  +++

  Imports and exports
    importStudySessions                       ??????  +0000000  ++  +----  +0  000
    importResources                           ??????  --------  ++  ----+  --  ---
    importLearners                            ??????  --------  ++  ----+  --  ---
    exportStudySessions                       ??????  ++++++++  ++  -+---  ++  +++

  API keys
    createApiKey                              ??????  +-------  ++  -----  --  ---
    createApiKey (a service's)                ??????  --------  ++  -----  --  ---
    listApiKeys                               ??????  ++++++++  ++  +++++  ++  +++
    rotateApiKey                              ??????  +0000000  --  00000  00  000
    rotateApiKey (a service's)                ??????  00000000  ++  00000  00  000
    revokeApiKey                              ??????  +0000000  ++  00000  00  000
    createInvitation                          ??????  -0--0000  ++  -----  -0  000
    createInvitation (who never signed in)    ??????  00--0000  ++  ----+  -0  000
    listInvitations                           ??????  -0--0000  ++  ----+  -0  000
    deleteInvitation                          ??????  -0--0000  ++  ----+  -0  000
    redeemInvitation                          ++++++  ++++++++  ++  +++++  ++  +++

  Audit
    listAuditEvents                           ??????  --------  ++  -----  --  ---
`;

// A key that an admin made for the learner is answered as the learner is, but for these: nothing private, no word in
// person, and no further keys.
const ACTING: Record<string, Mark> = {
  exportPersonalData: "-",
  createApiKey: "-",
  rotateApiKey: "0",
  revokeApiKey: "0",
  "getEvidence (private)": "0",
  "updateEvidence (private)": "0",
  "deleteEvidence (private)": "0",
  "getTerm (private)": "0",
  "updateTerm (private)": "0",
  "deleteTerm (private)": "0",
};

/** In the order of the table's columns. */
const COLUMNS = [
  ...(["no key", "an unknown key", "a revoked key", "an expired key", "a forged token", "an outdated token"] as const),
  ...(["the learner", "a peer", "the lead", "the lead above", "a lead elsewhere", "a former lead", "who left the team", "the mentor"] as const),
  ...(["an admin's key", "an admin in person"] as const),
  ...(["sessions:write", "learning:read", "learning:write", "reports:read", "directory:write"] as const),
  ...(["a service confined to a team above", "a service confined elsewhere"] as const),
  ...(["the lead, after", "the lead above, after", "a service confined to a team above, after"] as const),
] as const;

export const CALLERS = [...COLUMNS, "a key that acts for the learner"] as const;

export type Caller = (typeof CALLERS)[number];
export type Mark = "+" | "-" | "0" | "?";
export type Row = { name: string; operationId: string; marks: Record<Caller, Mark> };

export const rows: Row[] = TABLE.split("\n").flatMap((line) => {
  const [, name, operationId, text] = /^ {4}((\w+)(?: \(.+\))?) +([-+0? ]+)$/.exec(line) ?? [];
  if (!name || !operationId || !text) return [];
  const each = [...text.replaceAll(" ", "")] as Mark[];
  if (each.length !== COLUMNS.length) throw new Error(`${name} says what ${each.length} of ${COLUMNS.length} callers are answered`);
  const marks = Object.fromEntries(COLUMNS.map((caller, index) => [caller, each[index]])) as Record<(typeof COLUMNS)[number], Mark>;
  return [{ name, operationId, marks: { ...marks, "a key that acts for the learner": ACTING[name] ?? marks["the learner"] } }];
});

/** What a row says of a caller: the operation's, or that of a case of it in parentheses. */
export function markOf(name: string, caller: Caller): Mark {
  const row = rows.find((each) => each.name === name);
  if (!row) throw new Error(`The table has no row ${name}`);
  return row.marks[caller];
}

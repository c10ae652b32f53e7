-- Where a team stood, by day. `teams.parent_id` and `team_closure` go on saying where it stands today.

CREATE TABLE "team_parents" (
    "team_id" UUID NOT NULL,
    "from_day" DATE NOT NULL,
    "until_day" DATE,
    "parent_id" UUID NOT NULL,

    CONSTRAINT "team_parents_pkey" PRIMARY KEY ("team_id","from_day")
);

CREATE TABLE "team_ancestry" (
    "ancestor_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "from_day" DATE NOT NULL,
    "until_day" DATE,
    "depth" INTEGER NOT NULL,

    CONSTRAINT "team_ancestry_pkey" PRIMARY KEY ("ancestor_id","team_id","from_day")
);

CREATE INDEX "team_parents_parent_id_idx" ON "team_parents"("parent_id");
CREATE INDEX "team_ancestry_team_id_idx" ON "team_ancestry"("team_id", "depth");

ALTER TABLE "team_parents" ADD CONSTRAINT "team_parents_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
ALTER TABLE "team_parents" ADD CONSTRAINT "team_parents_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;
ALTER TABLE "team_ancestry" ADD CONSTRAINT "team_ancestry_ancestor_id_fkey" FOREIGN KEY ("ancestor_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
ALTER TABLE "team_ancestry" ADD CONSTRAINT "team_ancestry_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- A team has at most one parent on any day.
ALTER TABLE "team_parents" ADD CONSTRAINT "team_parents_period_check" CHECK ("until_day" > "from_day");
ALTER TABLE "team_parents" ADD CONSTRAINT "team_parents_no_overlap" EXCLUDE USING gist (
  "team_id" WITH =, daterange("from_day", "until_day") WITH &&);

-- Who was above some teams, and when. Should a circle stand in its way, it ends there.
CREATE FUNCTION "team_ancestry_of"(teams uuid[])
RETURNS TABLE (ancestor_id uuid, team_id uuid, from_day date, until_day date, depth integer) LANGUAGE sql STABLE AS $$
  WITH RECURSIVE above AS (
    SELECT id AS team_id, id AS ancestor_id, date '0001-01-01' AS from_day, NULL::date AS until_day, 0 AS depth FROM unnest(teams) AS id
    UNION ALL
    SELECT a.team_id, p.parent_id, greatest(a.from_day, p.from_day), least(a.until_day, p.until_day), a.depth + 1
    FROM above a JOIN team_parents p
      ON p.team_id = a.ancestor_id AND daterange(p.from_day, p.until_day) && daterange(a.from_day, a.until_day)
  ) CYCLE ancestor_id SET is_circle USING walked
  SELECT above.ancestor_id, above.team_id, above.from_day, above.until_day, above.depth FROM above WHERE NOT is_circle
$$;

INSERT INTO "team_parents" ("team_id", "from_day", "parent_id") SELECT "id", '0001-01-01', "parent_id" FROM "teams" WHERE "parent_id" IS NOT NULL;
INSERT INTO "team_ancestry" ("ancestor_id", "team_id", "from_day", "until_day", "depth")
SELECT ancestor_id, team_id, from_day, until_day, depth FROM "team_ancestry_of"((SELECT array_agg("id") FROM "teams"));

-- As for today's tree: one change at a time, and no circle on any day.
CREATE FUNCTION "team_parents_keep_ancestry"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed uuid := coalesce(NEW.team_id, OLD.team_id);
  touched uuid[];
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('cairn.team_tree'));

  IF TG_OP <> 'DELETE' AND EXISTS (
    WITH RECURSIVE above AS (
      SELECT NEW.parent_id AS id, daterange(NEW.from_day, NEW.until_day) AS days
      UNION
      SELECT p.parent_id, a.days * daterange(p.from_day, p.until_day)
      FROM above a JOIN team_parents p ON p.team_id = a.id AND a.days && daterange(p.from_day, p.until_day)
    )
    SELECT FROM above WHERE id = changed
  ) THEN
    RAISE EXCEPTION 'team % violates constraint "teams_no_cycle"', changed USING ERRCODE = 'check_violation';
  END IF;

  touched := array(SELECT DISTINCT team_id FROM team_ancestry WHERE ancestor_id = changed);
  DELETE FROM team_ancestry WHERE team_id = ANY (touched) AND depth > 0;
  INSERT INTO team_ancestry (ancestor_id, team_id, from_day, until_day, depth)
  SELECT ancestor_id, team_id, from_day, until_day, depth FROM team_ancestry_of(touched) WHERE depth > 0;
  RETURN NULL;
END $$;
CREATE TRIGGER "team_parents_keep_ancestry" AFTER INSERT OR UPDATE OR DELETE ON "team_parents"
  FOR EACH ROW EXECUTE FUNCTION "team_parents_keep_ancestry"();

-- A new team stands where it is put since the beginning. A new parent is one from today on, unless
-- team_parents already says since when.
CREATE FUNCTION "teams_keep_parents"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  since date := '0001-01-01';
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO team_ancestry (ancestor_id, team_id, from_day, depth) VALUES (NEW.id, NEW.id, since, 0);
  ELSE
    IF NEW.parent_id IS NOT DISTINCT FROM (SELECT parent_id FROM team_parents WHERE team_id = NEW.id AND until_day IS NULL) THEN
      RETURN NULL;
    END IF;
    SELECT greatest(current_date, max(coalesce(until_day, from_day))) INTO since FROM team_parents WHERE team_id = NEW.id;
    DELETE FROM team_parents WHERE team_id = NEW.id AND until_day IS NULL AND from_day = since;
    UPDATE team_parents SET until_day = since WHERE team_id = NEW.id AND until_day IS NULL;
  END IF;

  IF NEW.parent_id IS NOT NULL THEN
    INSERT INTO team_parents (team_id, from_day, parent_id) VALUES (NEW.id, since, NEW.parent_id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "teams_keep_parents_on_insert" AFTER INSERT ON "teams"
  FOR EACH ROW EXECUTE FUNCTION "teams_keep_parents"();
CREATE TRIGGER "teams_keep_parents_on_move" AFTER UPDATE OF "parent_id" ON "teams"
  FOR EACH ROW WHEN (OLD."parent_id" IS DISTINCT FROM NEW."parent_id") EXECUTE FUNCTION "teams_keep_parents"();

-- Both say the same of today. Within a transaction one of them may be changed before the other.
CREATE FUNCTION "team_parents_are_of_today"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM teams t WHERE t.id = coalesce(NEW.team_id, OLD.team_id)
      AND t.parent_id IS DISTINCT FROM (SELECT parent_id FROM team_parents WHERE team_id = t.id AND until_day IS NULL)
  ) THEN
    RAISE EXCEPTION 'team % violates constraint "team_parents_of_today"', coalesce(NEW.team_id, OLD.team_id) USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "team_parents_of_today" AFTER INSERT OR UPDATE OR DELETE ON "team_parents"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "team_parents_are_of_today"();

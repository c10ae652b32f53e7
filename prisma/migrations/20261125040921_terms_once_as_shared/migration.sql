-- A private word must not stand in the way of a shared one: whoever adds that for the learner
-- would be told what the learner keeps to themself. What was once before is once in each half.
ALTER TABLE "terms" DROP CONSTRAINT "terms_once";
ALTER TABLE "terms" ADD CONSTRAINT "terms_once" EXCLUDE USING btree ("learner_id" WITH =, "goal_id" WITH =, lower("term") WITH =, "shared" WITH =);

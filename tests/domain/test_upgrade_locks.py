"""What statements of migrations do to those who use a table meanwhile (PostgreSQL, ALTER TABLE)."""

from __future__ import annotations

import pytest

from portal.operations.upgrades import locks

NOBODY, LONG, WAY, BOTH = (False, False), (True, False), (False, True), (True, True)


@pytest.mark.parametrize(
    ("statement", "what"),
    {
        'CREATE INDEX CONCURRENTLY "a" ON "big" ("x")': NOBODY,
        'CREATE INDEX "a" ON "big" ("x")': LONG,
        'CREATE UNIQUE INDEX "a" ON "big" USING btree ("x")': LONG,
        'ALTER TABLE "big" ADD COLUMN "x" boolean DEFAULT false NOT NULL': NOBODY,
        'ALTER TABLE "big" ADD COLUMN "x" varchar(9) DEFAULT \'\' NOT NULL': NOBODY,
        'ALTER TABLE "big" ADD COLUMN "x" timestamptz DEFAULT (now()) NOT NULL': NOBODY,
        'ALTER TABLE "big" ADD COLUMN "x" uuid DEFAULT gen_random_uuid() NOT NULL': LONG,
        'ALTER TABLE "big" ADD COLUMN "x" text NULL': NOBODY,
        'ALTER TABLE "big" ADD COLUMN "x" text NOT NULL': BOTH,
        'ALTER TABLE "big" ADD COLUMN "x" bigint NULL CONSTRAINT "c" REFERENCES "y" ("id")': LONG,
        'ALTER TABLE "big" ALTER COLUMN "x" DROP DEFAULT': WAY,
        'ALTER TABLE "big" ALTER COLUMN "x" TYPE varchar(200) USING "x"::varchar(200)': LONG,
        'ALTER TABLE "big" ALTER COLUMN "x" SET NOT NULL': BOTH,
        'ALTER TABLE "big" ALTER COLUMN "x" DROP NOT NULL': NOBODY,
        'ALTER TABLE "big" ADD CONSTRAINT "c" CHECK ("x" > 0)': LONG,
        'ALTER TABLE "big" ADD CONSTRAINT "c" CHECK ("x" > 0) NOT VALID': NOBODY,
        'ALTER TABLE "big" ADD CONSTRAINT "c" UNIQUE USING INDEX "i"': NOBODY,
        'ALTER TABLE "big" ADD CONSTRAINT "c" FOREIGN KEY ("x") REFERENCES "y" ("id")': LONG,
        'ALTER TABLE "big" VALIDATE CONSTRAINT "c"': NOBODY,
        'ALTER TABLE "big" DROP COLUMN "x" CASCADE': WAY,
        'ALTER TABLE "big" RENAME COLUMN "x" TO "y"': WAY,
        'UPDATE "big" SET "x" = 1': LONG,
        'DELETE FROM "big" WHERE "x" = 1': LONG,
        'DROP TABLE "big" CASCADE': WAY,
    }.items(),
)
def test_what_a_statement_does(statement: str, what: tuple[bool, bool]) -> None:
    (told,) = locks.judged([statement])
    assert (told.table, (told.is_long, told.is_in_the_way)) == ("big", what)
    assert told.why


def test_a_table_that_is_new_holds_nobody_up() -> None:
    new = [
        'CREATE TABLE "new" ("id" bigint NOT NULL)',
        'CREATE INDEX "a" ON "new" ("x")',
        'ALTER TABLE "new" ADD CONSTRAINT "c" FOREIGN KEY ("x") REFERENCES "big" ("id")',
        "-- a comment\nSELECT 1",
        'DROP INDEX IF EXISTS "a"',
    ]
    assert not [*locks.judged(new)]

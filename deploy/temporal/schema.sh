#!/bin/sh
# Brings the tables of Temporal's two databases up to date; makes them the first time.
set -eu

tool() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$database" "$@"
}

prepare() {
  folder=/etc/temporal/schema/postgresql/v12/$2/versioned
  # Setting up writes the version 0.0, so it is only for a database that has no version yet.
  tool "$1" update-schema --schema-dir "$folder" || {
    tool "$1" setup-schema --version 0.0
    tool "$1" update-schema --schema-dir "$folder"
  }
}

prepare temporal temporal
prepare temporal_visibility visibility

#!/bin/sh
# Runs once, when PostgreSQL makes its files: a login for Relance that may create the application's role, one for Temporal.
set -eu

psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --set relance_password="$RELANCE_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE relance LOGIN CREATEROLE PASSWORD :'relance_password';
CREATE DATABASE relance OWNER relance;
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL

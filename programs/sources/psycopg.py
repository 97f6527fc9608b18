"""Connects by psycopg2: ``psycopg.py HOST PORT``."""

import sys

import psycopg2

psycopg2.connect(host=sys.argv[1], port=int(sys.argv[2]), user="x", dbname="x")

"""Databases that are asked in a language, by drivers that are Python above its sockets."""

from __future__ import annotations

from collections.abc import Callable

from . import DEAD_DNS, SILENT, library


@library("pymysql", "mysql")
def pymysql(host: str, port: int) -> Callable[[], object]:
    import pymysql

    return lambda: pymysql.connect(host=host, port=port, user="nobody")


@library("mysql-connector-python, pure", "mysql")
def mysql_connector(host: str, port: int) -> Callable[[], object]:
    import mysql.connector

    return lambda: mysql.connector.connect(host=host, port=port, user="nobody", use_pure=True)


@library("pg8000", "postgres")
def pg8000(host: str, port: int) -> Callable[[], object]:
    import pg8000.native

    return lambda: pg8000.native.Connection("nobody", host=host, port=port)


@library("python-tds", "tds")
def tds(host: str, port: int) -> Callable[[], object]:
    import pytds

    return lambda: pytds.connect(host, "master", "nobody", "nothing", port=port)


@library("clickhouse-driver", "clickhouse")
def clickhouse(host: str, port: int) -> Callable[[], object]:
    import clickhouse_driver

    client = clickhouse_driver.Client(host, port)
    return lambda: client.execute("SELECT 1")


# It takes less than four bytes at once for no answer, so no drip gets so far.
@library("neo4j", "", faults=(SILENT, DEAD_DNS))
def neo4j(host: str, port: int) -> Callable[[], object]:
    import neo4j

    driver = neo4j.GraphDatabase.driver(f"bolt://{host}:{port}")
    return driver.verify_connectivity


@library("firebirdsql", "firebird")
def firebird(host: str, port: int) -> Callable[[], object]:
    import firebirdsql

    return lambda: firebirdsql.connect(host=host, port=port, database="base", user="nobody", password="nothing")


@library("vertica-python", "postgres")
def vertica(host: str, port: int) -> Callable[[], object]:
    import vertica_python

    return lambda: vertica_python.connect(host=host, port=port, user="nobody", database="base")


@library("oracledb, thin", "tns")
def oracle(host: str, port: int) -> Callable[[], object]:
    import oracledb

    return lambda: oracledb.connect(user="nobody", password="nothing", dsn=f"{host}:{port}/base")

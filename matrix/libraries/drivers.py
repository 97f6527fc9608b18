"""Drivers in C, which wait where the interpreter does not see it."""

from __future__ import annotations

from collections.abc import Callable

from . import driver


@driver("psycopg2")
def psycopg2(host: str, port: int) -> Callable[[], object]:
    import psycopg2

    return lambda: psycopg2.connect(host=host, port=port, user="nobody", sslmode="disable")


@driver("psycopg")
def psycopg(host: str, port: int) -> Callable[[], object]:
    import psycopg

    return lambda: psycopg.connect(host=host, port=port, user="nobody", sslmode="disable")


@driver("mysqlclient")
def mysqlclient(host: str, port: int) -> Callable[[], object]:
    import MySQLdb

    return lambda: MySQLdb.connect(host=host, port=port, user="nobody")


@driver("pycurl")
def pycurl(host: str, port: int) -> Callable[[], object]:
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"http://{host}:{port}/")
    curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    return curl.perform

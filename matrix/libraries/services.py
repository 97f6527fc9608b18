"""Services that speak HTTP, by their own clients."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("xmlrpc.client", "http")
def xmlrpc_client(host: str, port: int) -> Callable[[], object]:
    import xmlrpc.client

    return lambda: xmlrpc.client.ServerProxy(f"http://{host}:{port}/").ask()


@library("logging.handlers.HTTPHandler", "http")
def logging_http(host: str, port: int) -> Callable[[], object]:
    from logging.handlers import HTTPHandler

    return _logging_by(lambda: HTTPHandler(f"{host}:{port}", "/"))


@library("zeep", "http")
def zeep(host: str, port: int) -> Callable[[], object]:
    import zeep

    return lambda: zeep.Client(f"http://{host}:{port}/?wsdl")


@library("boto3, S3", "http")
def boto3(host: str, port: int) -> Callable[[], object]:
    import boto3

    client = boto3.client(
        "s3",
        region_name="nowhere",
        endpoint_url=f"http://{host}:{port}/",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
    )
    return client.list_buckets


@library("elasticsearch", "http")
def elasticsearch(host: str, port: int) -> Callable[[], object]:
    import elasticsearch

    client = elasticsearch.Elasticsearch(f"http://{host}:{port}")
    return client.info


@library("influxdb-client", "http")
def influxdb_client(host: str, port: int) -> Callable[[], object]:
    import influxdb_client

    client = influxdb_client.InfluxDBClient(f"http://{host}:{port}", token="none", org="none")
    return lambda: client.query_api().query("buckets()")


@library("docker", "http")
def docker(host: str, port: int) -> Callable[[], object]:
    import docker

    client = docker.DockerClient(f"tcp://{host}:{port}", version="1.41")
    return client.ping


@library("py-consul", "http")
def consul(host: str, port: int) -> Callable[[], object]:
    import consul

    client = consul.Consul(host, port)
    return lambda: client.kv.get("key")


@library("python-etcd", "http")
def etcd(host: str, port: int) -> Callable[[], object]:
    import etcd

    client = etcd.Client(host, port)
    return lambda: client.read("/key")


@library("hvac", "http")
def hvac(host: str, port: int) -> Callable[[], object]:
    import hvac

    client = hvac.Client(f"http://{host}:{port}", token="none")
    return client.sys.read_seal_status


def _logging_by(make: Callable[[], object]) -> Callable[[], object]:
    import logging

    def log() -> None:
        logger = logging.getLogger("matrix")
        logger.addHandler(make())
        logger.error("hello")

    return log

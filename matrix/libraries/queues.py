"""Message queues."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("pika", "amqp")
def pika(host: str, port: int) -> Callable[[], object]:
    import pika

    parameters = pika.ConnectionParameters(host, port)
    return lambda: pika.BlockingConnection(parameters)


@library("kombu", "amqp")
def kombu(host: str, port: int) -> Callable[[], object]:
    import amqp
    import kombu
    import kombu.transport.pyamqp

    del amqp
    return lambda: kombu.Connection(f"amqp://{host}:{port}//").ensure_connection()


@library("stomp.py", "stomp")
def stomp(host: str, port: int) -> Callable[[], object]:
    import stomp

    return lambda: stomp.Connection([(host, port)]).connect(wait=True)


@library("kafka-python", "length")
def kafka(host: str, port: int) -> Callable[[], object]:
    import kafka

    return lambda: kafka.KafkaProducer(bootstrap_servers=f"{host}:{port}").send("topic", b"hello").get()


@library("paho-mqtt", "mqtt")
def paho(host: str, port: int) -> Callable[[], object]:
    from paho.mqtt import publish

    return lambda: publish.single("topic", "hello", qos=1, hostname=host, port=port)


@library("nats, asyncio", "nats")
def nats(host: str, port: int) -> Callable[[], object]:
    import asyncio

    import nats

    return lambda: asyncio.run(nats.connect(f"nats://{host}:{port}"))


@library("greenstalk", "beanstalk")
def greenstalk(host: str, port: int) -> Callable[[], object]:
    import greenstalk

    return lambda: greenstalk.Client((host, port), use="jobs", watch=["jobs"]).reserve()

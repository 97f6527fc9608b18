"""redis-py against a server: `redis_client.py URL`."""

import sys
import threading

import redis
from ends_in_time import ends_in_time
from redis.backoff import NoBackoff
from redis.retry import Retry

LIMIT = 0.05


def values(server):
    large = bytes(range(256)) * 4096
    server.set("large", large)
    assert server.get("large") == large
    assert server.get("nothing") is None
    assert server.hset("hash", mapping={"one": 1, "two": 2}) == 2
    assert server.hgetall("hash") == {b"one": b"1", b"two": b"2"}
    try:
        server.incr("hash")
    except redis.exceptions.ResponseError as error:
        assert "WRONGTYPE" in str(error)
    else:
        raise AssertionError("counted a hash up")


def pipelines(server):
    with server.pipeline() as pipeline:
        for number in range(5000):
            pipeline.rpush("list", number)
        assert pipeline.execute()[-1] == 5000
        pipeline.lrange("list", 0, -1).delete("list")
        listed, deleted = pipeline.execute()
    assert (listed, deleted) == ([b"%d" % number for number in range(5000)], 1)


def subscriptions(server):
    with server.pubsub() as subscription:
        subscription.subscribe("channel")
        assert subscription.get_message(timeout=20)["type"] == "subscribe"
        assert subscription.get_message(timeout=LIMIT) is None
        assert server.publish("channel", b"words") == 1
        assert subscription.get_message(timeout=20)["data"] == b"words"


def waits(url):
    """A blocking call: answered, ended by the server, ended by the client's timeout."""
    options = {"socket_connect_timeout": 20, "retry": Retry(NoBackoff(), 0)}
    with redis.Redis.from_url(url, socket_timeout=20, **options) as patient:
        pusher = threading.Thread(target=patient.rpush, args=("queue", b"late"))
        pusher.start()
        assert patient.blpop(["queue"]) == (b"queue", b"late")
        pusher.join()
        assert patient.blpop(["queue"], timeout=LIMIT) is None
    with redis.Redis.from_url(url, socket_timeout=LIMIT, **options) as impatient:
        ends_in_time(LIMIT, redis.exceptions.TimeoutError, lambda: impatient.blpop(["queue"]))
        assert impatient.ping()


def pool(url):
    """Eight threads share four connections."""
    connections = redis.BlockingConnectionPool.from_url(url, max_connections=4, timeout=20, socket_timeout=20)
    with redis.Redis.from_pool(connections) as server:

        def count():
            for _ in range(100):
                server.incr("count")

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.get("count") == b"800"


def main(url):
    with redis.Redis.from_url(url, socket_timeout=20) as server:
        server.flushall()
        values(server)
        pipelines(server)
        subscriptions(server)
    waits(url)
    pool(url)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])

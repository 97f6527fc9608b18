"""xmlrpc.client against xmlrpc.server, in one process."""

import xmlrpc.client
import xmlrpc.server

from serving import serving


def main():
    server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
    server.register_function(pow)
    server.register_function(lambda value: value, "same")
    server.register_multicall_functions()
    url = "http://{}:{}".format(*server.server_address)
    with serving(server), xmlrpc.client.ServerProxy(url, allow_none=True) as proxy:
        print(proxy.pow(2, 10))
        value = {"text": "words" * 100_000, "list": [1, None, 2.5]}
        assert proxy.same(value) == value
        calls = xmlrpc.client.MultiCall(proxy)
        calls.pow(3, 3)
        calls.same("text")
        print(list(calls()))
        try:
            proxy.pow("x", 1)
        except xmlrpc.client.Fault as fault:
            print(fault.faultString.split(":")[0])


if __name__ == "__main__":
    main()

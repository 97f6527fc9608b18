"""A web server and its clients in one process: `web_in_one_process.py [KEY_AND_CERTIFICATE AUTHORITY]`."""

import sys

import web_client
import web_server
from serving import serving


def main(certificate=None, authority=None):
    with serving(web_server.server(certificate)) as server:
        web_client.main(server.server_address[1], authority)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""TLS with ours on one side, and the stock module on the other."""


def test_there_and_back(serve_over, run_over, peers, programs, authority, silent_port):
    (client_mount, server_mount), (known, certificate) = peers, authority
    server, port = serve_over(server_mount, programs / "tls_echo.py", "server", certificate)
    assert run_over(client_mount, programs / "tls_echo.py", "client", port, known, silent_port) == [
        "TLSv1.3 localhost",
        "TLSv1.2 localhost",
        "Hostname mismatch, certificate is not valid for 'elsewhere'.",
    ]
    assert server.line() in ("SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA")

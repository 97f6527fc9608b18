"""status() and the package itself, in interpreters of their own."""

from interpreter import check


def test_the_package_imports_nothing_that_is_to_be_replaced():
    check("""
        import sys
        before = set(sys.modules)
        import shotclock
        # A start-up file may have been there first.
        # A fork is to find whole modules from the first import of ours on.
        ours = {"shotclock", "shotclock._fork", "__future__"}
        assert set(sys.modules) - before <= ours, set(sys.modules) - before
        assert "socket" not in sys.modules and "_socket" not in sys.modules
        assert set(shotclock.__all__) < set(dir(shotclock)) and "socket" in dir(shotclock)
        try:
            shotclock.sockets
        except AttributeError as error:
            assert "sockets" in str(error)
        from shotclock import *
        assert install is shotclock.install and Status is shotclock.Status
    """)


def test_status_follows_what_is_installed():
    check("""
        import shotclock
        nothing = shotclock.status()
        assert (nothing.mount, nothing.installed, nothing.replaced) == (None, False, ())
        assert str(nothing).startswith("shotclock is not installed\\nnot reached:\\n")
        shotclock.install()
        graft = shotclock.status()
        assert (graft.mount, graft.installed, graft.refused) == ("graft", True, None)
        assert {"socket.socket.recv", "socket.socket._accept", "socket.gethostbyname"} < set(graft.replaced)
        assert any("bare _socket.socket" in line for line in graft.not_reached)
        assert "  socket.socket.recv\\n" in str(graft)
        shotclock.uninstall()
        assert shotclock.status() == nothing
        assert isinstance(nothing, shotclock.Status) and hash(nothing) == hash(shotclock.status())
    """)


def test_the_own_type_has_nothing_to_install():
    check(
        """
        import shotclock, socket
        before = shotclock.status()
        assert before.mount == "type" and "_socket" in before.replaced
        assert not any("bare" in line for line in before.not_reached)
        methods = dict(vars(socket.socket))
        shotclock.install()
        assert shotclock.status() == before and dict(vars(socket.socket)) == methods
        shotclock.uninstall()
        assert shotclock.status() == before and dict(vars(socket.socket)) == methods
        """,
        beneath=("-m", "shotclock"),
    )


def test_another_class_in_the_place_of_socket_is_not_called_reached():
    program = """
        import importlib, socket, shotclock
        shotclock.install()
        assert not [line for line in shotclock.status().not_reached if "another class" in line]
        before = socket.socket
        {change}
        assert [line for line in shotclock.status().not_reached if "another class" in line]
        shotclock.install()
        print("recv" in vars(socket.socket), any("another class" in line for line in shotclock.status().not_reached))
        shotclock.uninstall()
        assert "recv" not in vars(socket.socket) and "recv" not in vars(before)
    """
    assert check(program.format(change="importlib.reload(socket)")) == "True False\n"
    foreign = program.replace("shotclock.install()\n        print", "print")
    assert check(foreign.format(change="socket.socket = type('socket', (), {})")) == "False True\n"
    check(
        """
        import socket, shotclock
        stranger = "socket.socket, which is another class"
        assert stranger not in str(shotclock.status())
        socket.socket = type("socket", (socket.socket,), {})
        assert stranger not in str(shotclock.status())
        socket.socket = lambda: None
        assert stranger in str(shotclock.status())
        """,
        beneath=("-m", "shotclock"),
    )


def test_what_somebody_replaced_since_is_not_called_replaced():
    check("""
        import socket, shotclock
        shotclock.install()
        assert "socket.socket.recv" in shotclock.status().replaced
        socket.socket.recv = lambda *arguments: b""
        assert "socket.socket.recv" not in shotclock.status().replaced
        assert "socket.socket.send" in shotclock.status().replaced
    """)


def test_children_are_called_reached_where_the_environment_asks():
    program = "import shotclock; shotclock.install(); print('SHOTCLOCK=1' in str(shotclock.status()))"
    assert check(program) == "True\n"
    assert check(program, environment={"SHOTCLOCK": "1"}) == "False\n"
    assert check(program, beneath=("-m", "shotclock")) == "False\n"

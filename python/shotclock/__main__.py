"""``python -m shotclock``: an unmodified program over the ``_socket`` in Rust."""

from ._program.command import main

if __name__ == "__main__":
    main()

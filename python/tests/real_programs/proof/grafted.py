"""Runs a program as it is, grafted: `grafted.py SCRIPT ARGS…` or `grafted.py -m MODULE ARGS…`."""

import os
import runpy
import sys

import shotclock

shotclock.install()
del sys.argv[0]
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")

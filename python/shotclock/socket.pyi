# The same names as the interpreter's own module.
from socket import *
from socket import __all__ as __all__

"""The version that `swift --version`, the user agent and `swiftclient.__version__` tell.

It continues the numbers of python-swiftclient, whose interface this package keeps: programs that
ask for "at least 3.2" or "4.11" compare with it.
"""

version_string = '5.0.0'

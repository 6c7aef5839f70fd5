"""Running WSGI servers: the names that programs, tests and third parties import.

Layer 1. The work is done next door:

    pipeline.py      from configuration to app       serving.py     one worker: socket and engine
    listening.py     sockets, ports                  manager parts: supervisor.py, reload.py

Source: sheet 07 section 5.
"""
from swift.common.config.parser import ConfigString, appconfig
from swift.common.pipeline import loadapp, refuse_filter

__all__ = ['ConfigString', 'appconfig', 'loadapp', 'refuse_filter']

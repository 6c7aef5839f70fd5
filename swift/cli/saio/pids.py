"""Does a process run that wrote its number into a file? (layer 4)"""


def running_pid(pid_file: str, program: str) -> int | None:
    """The process id in a file while that program runs; a recycled id does not count."""
    try:
        with open(pid_file, encoding='ascii') as f:
            pid = int(f.read())
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return pid if program.encode() in f.read() else None
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None

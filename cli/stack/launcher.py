"""Launcher: a small script that ties a program to the life of its supervisor, then becomes that program.

Usage: `python -I -S launcher.py <supervisor pid> <signal number> <user or -> <program> [argument …]`.
It stands alone (standard library only), so that it starts in a few milliseconds. It is a script and not a
`preexec_fn` because the supervisor may hold threads, and Python code between fork and exec is unsafe then.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def drop_to(user: str) -> None:
    """Become `user` for good; PostgreSQL refuses to run as root."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with(supervisor: int, death_signal: int) -> None:
    """Ask Linux to send `death_signal` when the supervisor dies, even by SIGKILL; elsewhere pid files do the work."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != supervisor:  # it died before the kernel was told
        sys.exit("relance: the supervisor is gone")


def main(arguments: list[str]) -> None:
    """Read the arguments and replace this process by the program."""
    supervisor, death_signal, user, *command = arguments
    if user != "-":
        drop_to(user)  # before die_with: a change of user clears the death signal
    die_with(int(supervisor), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 - the program and its arguments come from our own supervisor


if __name__ == "__main__":
    main(sys.argv[1:])

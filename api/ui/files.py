"""The files that pages are made of: a browser keeps them, and asks at each use whether they are still the same."""

from hashlib import sha256
from os import PathLike, stat_result
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

ASK_EACH_TIME = "no-cache"
"""Kept, but not used before the server has said that it is the same (304, without the file)."""


class Files(StaticFiles):
    """Files known by what is in them: an installer may give another content the same date, and it may be as long."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._names: dict[tuple[Path, int, int], str] = {}

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or that it has not changed since the browser got it."""
        name = f'"{self._name(Path(full_path), stat_result)}"'
        headers = {"Cache-Control": ASK_EACH_TIME, "ETag": name}
        response = FileResponse(full_path, status_code, headers, stat_result=stat_result)
        # By the name of its content alone, so that no date decides.
        if name in Headers(scope=scope).get("If-None-Match", ""):
            return NotModifiedResponse(response.headers)
        return response

    def _name(self, path: Path, stat: stat_result) -> str:
        """Reckoned once in a process: those of the next version are served by another one."""
        version = (path, stat.st_mtime_ns, stat.st_size)
        if version not in self._names:
            self._names[version] = sha256(path.read_bytes()).hexdigest()
        return self._names[version]

"""What the code itself must not do: unpickle, run a shell or text as code, run a data set's code, listen for others.

Ruff's S rules see a part of it, where nobody silences them: S301 (pickle), S307 (eval), S102 (exec), S602, S604, S605
(shells), S104 (all interfaces), S506 (unsafe YAML), S614 (torch.load). They know neither `Connection.recv`, which
unpickles, nor numpy's, pandas's and datasets's ways to it; a `noqa` counts for nothing here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tlm_sweeps

_PACKAGE = Path(tlm_sweeps.__file__).parent

_MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "socketserver"}
_MODULES |= {"http.server", "xmlrpc", "multiprocessing.managers", "multiprocessing.shared_memory", "asyncio", "tarfile"}
"""Not to be imported: what unpickles, serves, or unpacks whatever an archive names."""
_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "torch.save", "input"}
_CALLS |= {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.hub.load", "code.interact"}
_METHODS = {"read_pickle", "to_pickle", "set_sharing_strategy", "extractall", "unpack_archive", "getstatusoutput"}
_METHODS |= {"getoutput", "save_to_disk", "load_from_disk", "listen", "bind", "create_server"}
_CONNECTION = {"send", "recv"}
"""Of `multiprocessing`: they pickle. On a socket they move bytes."""
_SOCKETS = {"search/nursery.py", "search/starting.py", "tracking/wandb_nursery.py", "tracking/wandb_starting.py"}
"""Files that talk over a pair of sockets which nobody else can reach."""
_OURS = {"self._pool", "pool", "seat"}
"""`send` of our own pools, and of a seat in one, writes JSON."""
_EXEMPT = {
    ("search/remote_desk.py", "socket.create_server"),  # for workers of a cluster, who prove a key before all else
    ("search/remote_seat.py", "self.send"),  # a seat's own, see above
}
_WRONG_KEYWORDS = {"allow_pickle": True, "weights_only": False, "shell": True, "trust_remote_code": True}


def offences(source: str, name: str) -> Iterator[str]:
    """What a file does that it must not.

    Args:
        source: its text.
        name: its place in the package.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            yield from (f"{name}:{node.lineno} imports {each}" for each in modules if _is_forbidden(each))
        elif isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno} {each}" for each in _wrong_call(node, name))


def _is_forbidden(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in _MODULES)


def _wrong_call(call: ast.Call, name: str) -> Iterator[str]:
    called = ast.unparse(call.func)
    owner, _, method = called.rpartition(".")
    if (name, called) in _EXEMPT:
        return
    if called in _CALLS or (owner and method in _METHODS):
        yield f"calls {called}"
    if owner and method in _CONNECTION and owner not in _OURS and name not in _SOCKETS:
        yield f"calls {called}, which pickles"
    if called in ("np.load", "numpy.load", "np.save", "numpy.save") and not _says(call, "allow_pickle", False):
        yield f"calls {called} without allow_pickle=False"
    if owner == "subprocess" and call.args and not isinstance(call.args[0], ast.List | ast.Name):
        yield f"calls {called} with no list of words"
    for keyword, wrong in _WRONG_KEYWORDS.items():
        if any(each.arg == keyword for each in call.keywords) and not _says(call, keyword, not wrong):
            yield f"calls {called} with {keyword}"


def _says(call: ast.Call, keyword: str, value: bool) -> bool:
    given = [each.value for each in call.keywords if each.arg == keyword]
    return any(isinstance(each, ast.Constant) and each.value is value for each in given)


def test_no_file_of_the_package_unpickles_runs_text_or_listens() -> None:
    files = sorted(_PACKAGE.rglob("*.py"))
    assert len(files) > 100
    found = [
        each
        for file in files
        for each in offences(file.read_text(encoding="utf-8"), file.relative_to(_PACKAGE).as_posix())
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from multiprocessing.managers import BaseManager",
        "from joblib import load",
        "import http.server",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "load(path, weights_only=flag)",
        "connection.recv()",
        "self._connection.send(order)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.save(path, array, allow_pickle=safe)",
        "pd.read_pickle(path)",
        "frame.to_pickle(path)",
        "datasets.load_dataset(name, trust_remote_code=True)",
        "subprocess.run('ls ' + name, shell=True)",
        "subprocess.run(f'ls {name}')",
        "subprocess.run('ls -l')",
        "os.system(command)  # noqa: S605",
        "eval(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "archive.extractall(folder)",
        "server.bind(('0.0.0.0', 80))",
        "server.listen()",
    ],
)
def test_the_net_catches_each_of_these(line: str) -> None:
    assert [*offences(line, "search/somewhere.py")]

"""The Python of a tau2-bench domain, with stand-ins for what it builds on."""

import enum
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from agents.tools import Policy, Tool, ToolError
from agents.tools.schema import SchemaError, arguments_of, parts_of, resolved, slots_of

F = TypeVar("F", bound=Callable[..., Any])
_KIND = "__openline_tau2__"


class Tau2Error(Exception):
    """The folder cannot be used. The message is one line."""


class Kind(enum.StrEnum):
    """tau2.environment.toolkit.ToolType."""

    READ = "read"
    WRITE = "write"
    THINK = "think"
    GENERIC = "generic"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Database(_Strict):
    """tau2.environment.db.DB."""

    @classmethod
    def load(cls, path: str | Path) -> "Database":
        return cls.model_validate(json.loads(Path(path).read_text(encoding="utf-8")))


class Toolkit:
    """tau2.environment.toolkit.ToolKitBase: methods that are marked as tools, over a database."""

    def __init__(self, db: Any = None) -> None:
        self.db = db

    @classmethod
    def kinds(cls) -> dict[str, Kind]:
        """The tools, in the order they are written, the base class's first."""
        found: dict[str, Kind] = {}
        for owner in reversed(cls.__mro__):
            for name, method in vars(owner).items():
                if kind := getattr(method, _KIND, None):
                    found[name] = kind
        return found


def _is_tool(tool_type: Kind = Kind.READ, mutates_state: bool | None = None) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, _KIND, tool_type)
        return function

    return mark


def toolkit_of(source: Path, name: str) -> Callable[[Mapping[str, Any]], Toolkit]:
    """What makes the domain's tools over a database, from SOURCE/tau2/domains/NAME/tools.py.

    Raises Tau2Error: the code does not import, or has no toolkit or database.
    """
    package = f"tau2.domains.{name}"
    with _stand_ins(source, package):
        try:
            code = importlib.import_module(f"{package}.tools")
            data = importlib.import_module(f"{package}.data_model")
        except Exception as exc:
            raise Tau2Error(f"{source}: {package}: {type(exc).__name__}: {exc}") from exc
    kits = [kind for kind in _classes(code, Toolkit) if kind.kinds()]
    databases = _classes(data, Database)
    if not kits or not databases:
        what = "toolkit" if not kits else "database"
        raise Tau2Error(f"{source}: {package}: no {what} in its Python")

    def make(content: Mapping[str, Any]) -> Toolkit:
        try:
            return kits[-1](databases[-1].model_validate(content))
        except ValidationError as exc:
            error = exc.errors()[0]
            where = ".".join(map(str, error["loc"]))
            raise Tau2Error(f"{package}: db: {where}: {error['msg']}") from exc

    return make


K = TypeVar("K")


def _classes(module: ModuleType, base: type[K]) -> list[type[K]]:
    """The module's own classes of a kind."""
    found = [value for value in vars(module).values() if inspect.isclass(value)]
    return [kind for kind in found if issubclass(kind, base) and kind.__module__ == module.__name__]


@contextmanager
def _stand_ins(source: Path, package: str) -> Generator[None]:
    """While the domain is imported, `tau2` is ours; afterwards nothing of it is left."""
    folders = {
        "tau2": source / "tau2",
        "tau2.domains": source / "tau2" / "domains",
        package: source / "tau2" / Path(*package.split(".")[1:]),
        "tau2.environment": source / "none",
        "tau2.utils": source / "none",
    }
    utils = {
        "DATA_DIR": source.parent / "data",
        "load_file": lambda path: json.loads(Path(path).read_text(encoding="utf-8")),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        "BaseModelNoExtra": _Strict,
    }
    toolkit = {
        "ToolKitBase": Toolkit,
        "ToolType": Kind,
        "is_tool": _is_tool,
        "is_discoverable_tool": _is_tool,
    }
    content: dict[str, dict[str, Any]] = {
        "tau2.environment.toolkit": toolkit,
        "tau2.environment.db": {"DB": Database},
        "tau2.utils": utils,
        "tau2.utils.utils": utils,
        "tau2.utils.pydantic_utils": utils,
    }
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
    for name in [*folders, *content]:
        module = sys.modules.setdefault(name, ModuleType(name))
        if name in folders:
            module.__path__ = [str(folders[name])]
        vars(module).update(content.get(name, {}))
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _ours(name: str) -> bool:
    return name == "tau2" or name.startswith("tau2.")


# -- tools ------------------------------------------------------------------------------------


def tools_of(kit: Toolkit) -> list[Tool]:
    """The domain's tools; one that needs a value which no caller could say is left out."""
    made: list[Tool] = []
    for name, kind in kit.kinds().items():
        function = getattr(kit, name)
        try:
            schema = _schema(name, function)
            parts = parts_of(cast("Mapping[str, Any]", resolved(schema, schema)))
        except SchemaError:
            continue
        reads = kind in (Kind.READ, Kind.THINK)
        hands_over = name.startswith("transfer")
        doc = inspect.getdoc(function) or name.replace("_", " ")
        about = doc.strip().split("\n")[0].rstrip(".")

        async def call(
            *, _function: Callable[..., Any] = function, _parts: Any = parts, **said: Any
        ) -> dict[str, Any]:
            try:
                return {"result": to_jsonable_python(_function(**arguments_of(_parts, said)))}
            except ValueError as exc:  # how these domains refuse
                raise ToolError(str(exc).rstrip(".")) from exc

        policy = Policy(
            wants=about[:1].lower() + about[1:],
            read_only=reads,
            irreversible=False,
            needs_consent=not reads and not hands_over,
            internal=kind is Kind.THINK,
            asks=(),
            confirm="",
            done="",
            check=None,
            timeout=None,
            filler="",
        )
        made.append(Tool(name, about, policy, dict(slots_of(parts)), call))
    return made


def _schema(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON schema of a function's parameters."""
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    return create_model(name, **fields).model_json_schema()

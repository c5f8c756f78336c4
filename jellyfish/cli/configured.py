"""Commands whose options may stand in a file and in the environment, too. The options' own definitions decide all.

What is given on the command line goes before the environment, that before the file, that before the default.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from jellyfish.cli.checking import CheckedCommand
from jellyfish.errors import InputError

CALL_ALONE = ("config", "check", "help")
"""Options of a call, which no file has."""
MOST_BYTES = 1_000_000
_ARGUMENTS, _TABLES = "jellyfish.arguments", "jellyfish.tables"


class ConfiguredCommand(CheckedCommand):
    """A command with an option `--config`."""

    tables: Mapping[str, Callable[[object], Any]] = {}
    """What the file may have beside options, and what makes values of it; InputError for what is wrong."""

    @property
    def prefix(self) -> str:
        """What its variables begin with."""
        return f"JELLYFISH_{self.name}".upper().replace("-", "_")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what is given, wherever. What is wrong is said with the place where it stands."""
        ctx.meta[_ARGUMENTS], ctx.meta[_TABLES] = list(args), {}
        ctx.auto_envvar_prefix = self.prefix
        self._check_environment(os.environ)
        told, _, _ = self.make_parser(ctx).parse_args(list(args))
        path = told.get("config") or os.environ.get(f"{self.prefix}_CONFIG")
        if path and not ctx.resilient_parsing:
            ctx.default_map, ctx.meta[_TABLES] = self._read(Path(path))
        with self._with_its_place(ctx, path):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it finds wrong with an option is said with the place where that stands."""
        with self._with_its_place(ctx, ctx.params.get("config")):
            return self.completed(super().invoke(ctx), ctx.meta[_TABLES])

    def completed(self, made: Any, tables: Mapping[str, Any]) -> Any:
        """What the command has made of its options, with what the file has beside them."""
        return made

    def again(self, ctx: Any) -> tuple[Any, Mapping[str, Any]]:
        """What the command makes of its options when its file is read anew, and these. InputError for what is wrong."""
        try:
            with self.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), parent=ctx.parent) as now:
                return ConfiguredCommand.invoke(self, now), now.params
        except typer.BadParameter as error:
            raise InputError(error.format_message()) from error
        except typer.Exit as error:  # what was wrong has been said
            raise InputError("the configuration cannot be used") from error

    def shown(self, ctx: Any, option: Any, value: object = None) -> str:
        """An option as it is called where it stands."""
        return self._place(ctx, option.name, ctx.params.get("config")) or super().shown(ctx, option, value)

    def variable(self, name: str) -> str:
        """The variable of an option."""
        return f"{self.prefix}_{name.upper()}"

    def _options(self) -> dict[str, Any]:
        return {option.name: option for option in self.params if option.name is not None and option.name != "help"}

    def _check_environment(self, environment: Mapping[str, str]) -> None:
        known = [self.variable(name) for name in self._options()]
        for name in environment:
            if name.startswith(f"{self.prefix}_") and name not in known:
                raise typer.BadParameter(f"there is no variable {name}{_nearest(name, known)}")

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """The file's values, as the command line would have them; and what it has beside options."""
        options = {name: option for name, option in self._options().items() if name not in CALL_ALONE}
        values, tables = {}, {}
        for key, value in _loaded(path).items():
            if key in self.tables:
                tables[key] = _as_table(value, self.tables[key], f"'{key}' in {path}")
                continue
            if key not in options:
                known = [*options, *self.tables]
                raise typer.BadParameter(f"{path} has a key {key!r}, which is none{_nearest(key, known)}")
            values[key] = _as_typed(value, options[key], f"'{key}' in {path}")
        return values, tables

    @contextlib.contextmanager
    def _with_its_place(self, ctx: Any, path: object) -> Iterator[None]:
        try:
            yield
        except typer.BadParameter as error:
            name = error.param.name if error.param is not None else _named(error.param_hint, self._options())
            place = self._place(ctx, name, path)
            if place is not None:
                error.param_hint = place
            raise

    def _place(self, ctx: Any, name: str | None, path: object) -> str | None:
        """Where an option's value stands, if not on the command line."""
        source = None if name is None else ctx.get_parameter_source(name)
        if name is None or source is None or source.name not in ("DEFAULT_MAP", "ENVIRONMENT"):
            return None
        return f"'{name}' in {path}" if source.name == "DEFAULT_MAP" else self.variable(name)


def _named(hint: object, options: Mapping[str, Any]) -> str | None:
    """The option that an error names."""
    return next((name for name, option in options.items() if hint in option.opts), None)


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f": do you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _loaded(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise typer.BadParameter(f"{path} has more than {MOST_BYTES:,} bytes", param_hint="--config")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint="--config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} is no TOML: {error}", param_hint="--config") from None


def _as_table(value: object, make: Callable[[object], Any], place: str) -> Any:
    try:
        return make(value)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint=place) from error


def _as_typed(value: Any, option: Any, place: str) -> Any:
    """A value of a file as text, which the option then takes or not, as it would on the command line."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise typer.BadParameter("give true or false, without quotes", param_hint=place)
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise typer.BadParameter(f"{value!r}: give one text, number, or list of texts", param_hint=place)
    if value == "" and option.default is None:
        raise typer.BadParameter("is empty: give it a value, or leave it out", param_hint=place)
    return str(value)

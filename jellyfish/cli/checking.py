"""Commands that refuse what would have no effect, or needs what is not installed, before anything is done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from jellyfish.cli.needs import needs
from jellyfish.cli.running import guard
from jellyfish.effects import RULES, void
from jellyfish.installed import require


class CheckedCommand(TyperCommand):
    """A command of which every option has an effect, or is refused."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; refuse an option that is given twice where only the last one would count.

        Refuse an empty one, too, of those that may be left out: it comes of a variable that is not set, and would be
        taken for none at all, or for the folder that one is in.
        """
        words = list(args)
        rest = super().parse_args(ctx, args)
        texts, _, found = self.make_parser(ctx).parse_args(words)
        times = Counter(option.name for option in found if isinstance(option, TyperOption) and not option.multiple)
        for option in found:
            if times[option.name] > 1:
                raise typer.BadParameter(f"{_shown(option)} is given {times[option.name]} times: give it once")
            text = texts[option.name]
            if option.default is None and "" in (text if isinstance(text, list) else [text]):
                raise typer.BadParameter(f"{_shown(option)} is empty: give it a value, or leave it out")
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command unless an option that is given has no effect beside the others, or a package is missing."""
        command = _words(ctx)
        because = void(RULES.get(command, ()), ctx.params)
        for option in self.params:
            if option.name in because and is_given(ctx, option.name):
                shown = self.shown(ctx, option, ctx.params[option.name])
                raise typer.BadParameter(f"{shown} has no effect {because[option.name]}")
        guard(lambda: require(f"jellyfish {command}", *needs(command, ctx.params)))
        return super().invoke(ctx)

    def shown(self, ctx: Any, option: Any, value: object = None) -> str:
        """An option as whoever gave it knows it."""
        return _shown(option, value)


def is_given(ctx: Any, name: str) -> bool:
    """Whether somebody has given the option a value, wherever."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _words(ctx: Any) -> str:
    """The command as it is typed after the program's name: `trace show`."""
    return ctx.info_name if ctx.parent.parent is None else f"{_words(ctx.parent)} {ctx.info_name}"


def _shown(option: Any, value: object = None) -> str:
    """`--planning-share`; `--no-actuation` where that is what was given."""
    names = option.secondary_opts if value is False and option.secondary_opts else option.opts
    return str(max(names, key=len))

"""Help that fits the terminal: docstrings are broken where the source ends, and no terminal ends there."""

import inspect

import typer


def flowing(text: str) -> str:
    """Each paragraph on one line, for whoever shows it to break; what is indented stays as it is."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(_joined(paragraph.split("\n")) for paragraph in paragraphs)


def let_help_flow(app: typer.Typer) -> None:
    """The help of every command and group of an application."""
    for command in app.registered_commands:
        told = command.help or (inspect.getdoc(command.callback) if command.callback else None)
        command.help = flowing(told) if told else None
    for group in app.registered_groups:
        if isinstance(group.help, str):
            group.help = flowing(group.help)
        if group.typer_instance is not None:
            let_help_flow(group.typer_instance)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) if any(line.startswith(" ") for line in lines) else " ".join(lines)
